"""Fault 9: records that are none, in every way, and a flood of them."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from statistics import median
from threading import Thread

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType  # type: ignore[attr-defined]

from tests.faults.harness.recording import FULL, Fault, mode, size
from tests.faults.harness.service import Service
from tests.faults.harness.world import EPOCH_MS, MODEL, World
from tests.support.polling import until
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.dead_letters import parse_dead_letter
from tidemill_operations.standing import groups

SPEED = 0.8
BIG = 10 * 1024 * 1024
UNKNOWN_ID = b"\x00\x00\x00\x00\x63"


def spoilers(good: bytes) -> list[Callable[[random.Random], bytes]]:
    """Ways to spoil a record."""
    return [
        lambda chance: bytes([chance.choice((1, 7, 0x7B, 0xFF))]) + good[1:],  # wrong magic
        lambda chance: UNKNOWN_ID + good[10:],  # an id that no registry knows
        lambda chance: good[: chance.randrange(11, len(good) - 1)],  # cut short
        lambda chance: b"[" * 5_000 + b"]" * 5_000,  # wild nesting
        lambda chance: good[:10] + bytes(chance.randrange(256) for _ in range(40)),  # wrong types
        lambda chance: good[:2] + bytes(8) + good[10:],  # a fingerprint that nobody knows
    ]


@pytest.mark.timeout(300)
@pytest.mark.fault(
    id=9, name="Poison", variant="spoilt", limit="each in dead letters once, identical; ≥ 80 % of the speed"
)
def test_spoilt_records_are_set_aside_byte_for_byte_and_hold_up_nobody(world: World, fault: Fault) -> None:
    total, rounds, chance = size(20_000, 50_000), size(1, 5), random.Random(fault.seed)
    admit_big(world)
    registry = Registry()
    given = {"flood_share": 0.5, "schema_registry_url": registry.url}
    good = world.records(1)[0][0]
    ways = spoilers(good)
    validator = world.start("validator", **given)
    # Ready means joined only from here on, and who asks for offsets while their coordinator loads gets an error.
    until(lambda: validator.said("subscribed to"), 60, "the validator wants to join its group", every=0.1)
    validator.until_ready()
    timed(world, validator, 2_000, [])  # warm
    clean, poisoned, bad = [], [], []
    for _ in range(rounds):  # in turn, so that what else the machine does meets both alike
        clean.append(timed(world, validator, total, []))
        spoilt = [ways[k % len(ways)](chance) for k in range(total // 100)]
        spoilt.append(b"\xc3\x01" + good[2:10] + b"\xff" * BIG)
        poisoned.append(timed(world, validator, total, spoilt))
        bad += spoilt
    clean_s, poisoned_s = median(clean), median(poisoned)
    letters = [
        (parse_dead_letter(headers), value)
        for batch in scan(world.settings, world.topic("raw_dlq"), timeout_s=60)
        for headers, value in zip(batch.headers, batch.values, strict=True)
    ]
    told = [letter for letter, _ in letters if letter is not None and letter[0] == world.topic("raw")]
    assert len(told) == len(letters) and all(letter[3] for letter in told), "a letter without origin or reason"
    pending = sorted(bad)
    found = sorted(value for _, value in letters if value in set(bad))
    assert found == pending, f"{len(found)} of {len(pending)} spoilt records are dead letters, byte for byte"
    speed = clean_s / poisoned_s * (total - total // 100) / total  # of the good ones
    fault.figures |= {
        "spoilt": len(bad), "clean_s": [round(s, 2) for s in clean], "poisoned_s": [round(s, 2) for s in poisoned],
        "share_of_clean_speed": round(speed, 3), "reasons": sorted({letter[3] for letter in told}),
    }  # fmt: skip
    world.release()
    world.start("stream").until_ready()
    world.until_done(60)
    world.prove()
    registry.close()
    if mode() == FULL:  # the short form takes a quarter of a second: too short to tell a fifth of it from noise
        assert speed >= SPEED


def timed(world: World, validator: Service, total: int, bad: list[bytes]) -> float:
    """Seconds in which a validator, frozen while they are pushed, works on `total` records, `bad` ones among them."""
    values, keys = world.records(total - len(bad))
    step = max(1, len(values) // (len(bad) + 1))
    for number, value in enumerate(bad):
        values.insert(number * (step + 1), value)
        keys.insert(number * (step + 1), b"N%d" % number)
    assert world.lag(groups.VALIDATOR, "raw") == 0
    validator.send(signal.SIGSTOP)
    world.push_values(values, keys)
    validator.send(signal.SIGCONT)
    began = time.monotonic()
    until(lambda: world.lag(groups.VALIDATOR, "raw") == 0, 120, "all is judged", every=0.02)
    return time.monotonic() - began


def admit_big(world: World) -> None:
    """Raw takes records of 10 MB from now on; nothing else is said to anybody."""
    entry = ConfigEntry("max.message.bytes", str(BIG + 65_536), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, world.topic("raw"), incremental_configs=[entry])
    client = admin(world.settings)
    for future in client.incremental_alter_configs([resource]).values():
        future.result()


@pytest.mark.timeout(200)
@pytest.mark.fault(id=9, name="Poison", variant="registry down", limit="nothing is dead-lettered, the consumer waits")
def test_with_the_registry_down_nothing_is_set_aside(world: World, fault: Fault) -> None:
    registry = Registry()
    url, values = registry.url, world.records(100)[0]
    registry.close()
    validator = world.start("validator", schema_registry_url=url).until_ready()
    framed: list[bytes | None] = [UNKNOWN_ID + value[10:] for value in values]
    world.push_values(framed, [b"N1"] * len(framed))
    until(lambda: validator.said("cannot be reached"), 30, "it says that the registry is away")
    until(lambda: not validator.ready(), 10, "a validator that waits says so")
    assert world.count("raw_dlq") == world.count("clean") == 0
    registry = Registry(int(url.rsplit(":", 1)[1]))
    until(lambda: world.count("raw_dlq") == len(framed), 40, "unknown ids are set aside by an answer", every=0.3)
    fault.figures |= {"waited": validator.said("retrying"), "records": len(framed)}
    world.audit()
    registry.close()
    world.check()


@pytest.mark.timeout(200)
@pytest.mark.fault(id=9, name="Poison", variant="flood", limit="a flood pauses the validator; resume goes on")
def test_a_flood_pauses_the_topic_until_a_person_lets_it_go_on(world: World, fault: Fault) -> None:
    from click.testing import CliRunner

    from tidemill_cli.commands.data.resume import resume
    from tidemill_cli.commands.platform.status import status

    given = {"flood_share": 0.5, "flood_window": 200}
    validator = world.start("validator", **given).until_ready()
    world.push(2_000)
    until(lambda: world.lag("validator-all", "raw") == 0, 60, "good ones are judged", every=0.2)
    dead = world.count("raw_dlq")
    bad: list[bytes | None] = [b"not a record %d %d" % (EPOCH_MS, n) for n in range(3_000)]
    with Publisher(world.settings) as publisher:
        publisher.publish_all([Output(world.topic("raw"), bad, None, [n % world.partitions for n in range(3_000)])])
    until(lambda: validator.metric("tidemill_validator_paused", model=MODEL, role="raw") == 1, 30, "it pauses")
    assert any(line["level"] == "ERROR" and "tidemill resume" in line["message"] for line in validator.lines())
    leaked = world.count("raw_dlq") - dead
    assert leaked < 200 * world.partitions, f"{leaked} of the flood were set aside before it paused"
    validator.terminate()
    assert validator.wait(20) == 0
    again = world.start("validator", **given).until_ready()
    until(lambda: again.metric("tidemill_validator_paused", model=MODEL, role="raw") == 1, 30, "a restart stays paused")
    assert world.count("raw_dlq") - dead == leaked, "a restart went on by itself"
    environment = {
        "TIDEMILL_KAFKA_BOOTSTRAP": world.settings.kafka_bootstrap, "TIDEMILL_PREFIX": world.settings.prefix,
        "TIDEMILL_SCHEMAS": str(world.settings.schemas), "TIDEMILL_MODELS_DIR": str(world.settings.models_dir),
    }  # fmt: skip
    told = CliRunner().invoke(status, [], env=environment)
    assert told.exit_code == 0, told.output
    assert f"{MODEL}: events are paused since" in told.output
    assert f"tidemill resume {MODEL}" in told.output
    done = CliRunner().invoke(resume, [MODEL, "--reason", "seen"], env=environment)
    paused = json.loads(CliRunner().invoke(status, ["--json"], env=environment).output)["models"][0]["paused"]
    assert paused == [], "status still says that it is paused"
    assert done.exit_code == 0, done.output
    until(lambda: world.lag("validator-all", "raw") == 0, 60, "all is judged", every=0.2)
    fault.figures |= {"flood": len(bad), "set_aside_before_the_pause": leaked}
    assert world.count("raw_dlq") == dead + len(bad)
    proof = world.audit()
    assert proof.holds, proof.to_dict()


class Registry:
    """A registry that knows no schema, and gives ids to those that it is sent."""

    def __init__(self, port: int = 0) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(404, b'{"error_code": 40403, "message": "Schema not found"}')

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(200, b'{"id": %d}' % (1_000 + sum(body) % 100_000))

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Nothing to tell."""

        self._server = HTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
