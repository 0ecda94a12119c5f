"""`tidemill models reproduce` on a world's versions, as a person runs it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import TopicPartition

from tests.broker.trainer.world import MODEL, World
from tidemill.kafka.client.clients import admin
from tidemill_cli.app import cli


def reproduced(world: World, patched: pytest.MonkeyPatch, version: int) -> tuple[int, dict[str, Any]]:
    """The exit code, and what it says."""
    patched.chdir(world.folder)
    for name, value in world.environment().items():
        patched.setenv(name, value)
    done = CliRunner().invoke(cli, ["models", "reproduce", MODEL, str(version), "--json"])
    return done.exit_code, json.loads(done.stdout) if done.stdout.startswith("{") else {"said": done.output}


def agreeing(told: dict[str, Any]) -> dict[str, bool]:
    """What agrees, by what is compared."""
    return {one["what"]: one["agrees"] for one in told["compared"]}


def let_go(world: World, role: str, before: dict[int, int]) -> None:
    """Remove the records before these offsets, as retention does."""
    topic = world.catalog.name(role, MODEL)
    places = [TopicPartition(topic, partition, offset) for partition, offset in before.items()]
    client = admin(world.settings)  # its answers come only as long as it is held
    for future in client.delete_records(places).values():
        future.result(30)
