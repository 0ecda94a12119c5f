"""People are told at least once, whatever is killed, and not 500 times of a storm."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from tests.broker.trainer.world import MODEL, World
from tests.support.polling import until
from tests.support.receivers import Received, Reply, WebReceiver, web_receiver
from tidemill.contracts.events.platform import DriftEvent
from tidemill.kafka.batch import Output

EVERY_S = 1.0
BURST = 5


def test_a_trainer_killed_while_it_tells_tells_again_and_a_storm_is_a_few_messages_that_count_all(world: World) -> None:
    push_drift(world, "before", 3)
    with web_receiver() as hook:
        start(world, hook)
        push_drift(world, "first", 1)
        until(lambda: len(hook.messages) == 1, 60, "the first notice")
        assert "first-0" in hook.messages[0]["text"], "what was there before the first start is history"

        killed_by: list[Any] = []

        def taken_and_killed(request: Received) -> Reply:
            if not killed_by:
                killed_by.append(request.datum)
                world.kill()  # the receiver has it, and the trainer cannot know
            return Reply()

        hook.answering = taken_and_killed
        push_drift(world, "killed", 1)
        until(lambda: len(killed_by) == 1, 60, "the kill bites")
        start(world, hook)
        until(lambda: ids(hook)[killed_by[0]["id"]] == 2, 60, "it is told again, under the same id")

        began, before = time.monotonic(), len(hook.messages)
        push_drift(world, "storm", 500)
        until(lambda: counted(hook.messages[before:]) >= 500, 60, "all 500 are counted")
        told = hook.messages[before:]
        most = BURST + (time.monotonic() - began) / EVERY_S + 1
        assert counted(told) == 500 and len(told) <= most and any(message["digest"] for message in told)
        assert ids(hook).most_common(2)[1][1] == 1, "nothing that is known to be told is told twice"
        assert world.stop() == 0


def start(world: World, hook: WebReceiver) -> None:
    """The part alone, with a second channel whose server is away all the time."""
    world.start(
        PARTS="notify", NOTIFY_WEBHOOK_URL=f"{hook.url}/hook", NOTIFY_WEBHOOK_SECRET="a secret of thirty characters!",
        NOTIFY_SLACK_URL="http://127.0.0.1:9/services/S3CRET", NOTIFY_EVERY_S=str(EVERY_S), NOTIFY_BURST=str(BURST),
    )  # fmt: skip
    until(lambda: world.health("ready") == 200, 60, "readiness")


def push_drift(world: World, name: str, count: int) -> None:
    """So many drift events, NAME-0 and on."""
    schema = world.schemas.platform("drift-event")
    events = [
        DriftEvent(
            event_id=f"{name}-{number}", model=MODEL, version=1, kind="feature", detector="psi", subject="wind",
            statistic=0.4, threshold=0.2, window=number, records=500, started_at=1, ended_at=2, offsets=(),
            detail=f"{name}-{number}",
        )
        for number in range(count)
    ]  # fmt: skip
    values = [world.codec.encode_one(event.to_dict(), schema) for event in events]
    world.publisher.publish_all([Output(world.catalog.name("drift_events"), values, [MODEL.encode()] * count)])


def counted(messages: list[Any]) -> int:
    """Notices that the messages stand for."""
    return sum(message["digest"]["count"] if message["digest"] else 1 for message in messages)


def ids(hook: WebReceiver) -> Counter[str]:
    """How often each message came."""
    return Counter(message["id"] for message in hook.messages)
