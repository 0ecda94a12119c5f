"""Is anybody there? Asked before a command begins, so that a person does not wait for a client's time-outs."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemill.settings import KafkaSettings

TIMEOUT_S = 5.0


def ensure_reachable(settings: KafkaSettings) -> None:
    """Raises RetryLater, with what each address answered, where no broker takes a connection."""
    from tidemill.errors import RetryLater

    answers = []
    for address in settings.kafka_bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT_S):
                return
        except ValueError:
            return  # an address as only the client understands it: the client will say what is wrong
        except OSError as error:
            answers.append(f"{address.strip()}: {error.strerror or error}")
    raise RetryLater(
        f"no Kafka broker answers ({'; '.join(answers)}): is it running, and is that its address? "
        "TIDEMILL_KAFKA_BOOTSTRAP or --bootstrap names another"
    )
