"""Removes what a platform with a prefix of its own has left on a Kafka that is not its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemill.settings import KafkaSettings
from tidemill_embedded.errors import PlatformError

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

TIMEOUT_S = 20.0


def delete_prefixed(settings: KafkaSettings, *, groups: bool = True) -> list[str]:
    """Deletes the topics and, where asked, the groups whose names start with the prefix; returns the topics.

    Groups must be empty: their members have left, or their session timeout has passed.

    Raises:
        ValueError: there is no prefix: everything would go.
    """

    from tidemill.kafka.client.clients import admin

    if not settings.prefix:
        raise ValueError("without a prefix every topic of the cluster would be deleted")
    client = admin(settings)
    listed = client.list_topics(timeout=TIMEOUT_S).topics
    topics = sorted(name for name in listed if name.startswith(settings.prefix))
    for future in (client.delete_topics(topics, operation_timeout=TIMEOUT_S) if topics else {}).values():
        future.result()
    if groups:
        _delete_groups(client, settings.prefix)
    return topics


def _delete_groups(client: AdminClient, prefix: str) -> None:
    from confluent_kafka import KafkaException

    known = client.list_consumer_groups(request_timeout=TIMEOUT_S).result().valid
    ours = [group.group_id for group in known if group.group_id.startswith(prefix)]
    for group, future in (client.delete_consumer_groups(ours, request_timeout=TIMEOUT_S) if ours else {}).items():
        try:
            future.result()
        except KafkaException as error:
            raise PlatformError(f"the group {group} cannot be deleted: {error.args[0].str()}") from error
