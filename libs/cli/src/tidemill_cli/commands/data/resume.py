"""`tidemill resume`: lets a validator go on that paused because of a flood of bad records."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options
from tidemill_operations.acts import note_act
from tidemill_operations.person import who

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

ROLES = ("raw", "labels_raw")


@click.command()
@click.argument("model", required=False)
@click.option("--reason", default="looked at", show_default=True, help="Why; kept with who and when.")
@json_option
@platform_options
def resume(platform: PlatformView, model: str | None, reason: str, said: Output) -> None:
    """Let MODEL's validators go on after a flood of bad records.

    What stands on the raw topics now is admitted: bad records among it go to the dead letters. Those that are pushed
    later are watched again.
    """
    from tidemill.contracts.events.controls import ValidatorControl
    from tidemill.ids import uuid7
    from tidemill.kafka.client.publisher import Publisher
    from tidemill.kafka.client.scan import bounds

    name = platform.model(model).name
    note_act(platform, "resume", name, reason=reason)
    controls = []
    topic, schema = platform.topics.name("validator_controls"), platform.schemas.platform("validator-control")
    with Publisher(platform.settings, name="resume") as publisher:
        for role in ROLES:
            ends = bounds(platform.settings, platform.topics.name(role, name))
            control = ValidatorControl(
                control_id=uuid7(), model=name, role=role, action="resumed",
                admitted=tuple(ends[number][1] for number in sorted(ends)),
                by=who(), reason=reason, at=time.time_ns() // 1_000_000,
            )  # fmt: skip
            controls.append(control.to_dict())
            value = platform.codec.encode_one(controls[-1], schema, topic)
            publisher.publish(topic, value, key=name.encode())
    said.say(f"{name} goes on: validators take it up within a second")
    said.tell({"model": name, "controls": controls})
