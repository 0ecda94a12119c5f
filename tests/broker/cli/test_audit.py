"""`tidemill audit` as a person calls it: proved, disproved with the places, or not found out."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.broker.cli.audit_world import MODEL, AuditWorld
from tidemill.kafka.client.clients import producer_config
from tidemill.kafka.headers import ORIGIN, origin

PROVED, DISPROVED, UNKNOWN = 0, 1, 2


@pytest.fixture
def world(kafka: str, prefix: str, root: Path, tmp_path: Path) -> AuditWorld:
    """Ten raw records: eight accepted, two set aside, all accepted ones predicted, everything passed."""
    world = AuditWorld.make(kafka, prefix, root, tmp_path)
    world.release()
    world.raw(10)
    world.clean(range(8))
    world.dead([8, 9])
    world.predictions(range(8), epochs=[1] * 4 + [2] * 4)
    world.worked()
    return world


def audited(world: AuditWorld, code: int, *arguments: str) -> dict[str, Any]:
    done = world.run(MODEL, "--json", *arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    proof: dict[str, Any] = json.loads(done.stdout)
    assert proof["holds"] is (code == PROVED)
    return proof


def test_what_is_whole_is_proved_on_stdout_alone(world: AuditWorld) -> None:
    proof = audited(world, PROVED)
    assert proof["records"] == {"raw": 10, "clean": 8, "raw_dlq": 2, "predictions": 8}
    assert (proof["lost"], proof["duplicated"], proof["disordered"], proof["waiting"]) == (0, 0, 0, 0)
    assert proof["predictions"] == {"stream": 8, "rest": 0}
    for_people = world.run(MODEL)
    assert for_people.returncode == PROVED and "proved" in for_people.stdout and for_people.stderr.strip() == ""
    assert audited(world, PROVED, "--since", "1h")["records"]["raw"] == 10


def test_a_raw_record_that_was_passed_and_has_no_result_is_lost(world: AuditWorld) -> None:
    world.raw(2)
    assert audited(world, PROVED)["waiting"] == 2, "nobody has passed them yet"
    world.worked(raw=11)
    proof = audited(world, DISPROVED)
    assert (proof["lost"], proof["waiting"]) == (1, 1)
    assert proof["findings"][0]["examples"] == {"missing": [f"{world.name('raw')}/0/10"]}
    told = world.run(MODEL)
    assert told.returncode == DISPROVED and "DISPROVED" in told.stdout and f"{world.name('raw')}/0/10" in told.stdout


def test_a_clean_record_that_was_passed_and_is_not_predicted_is_lost(world: AuditWorld) -> None:
    world.raw(1)
    world.clean([10])
    world.worked()
    proof = audited(world, DISPROVED)
    assert proof["lost"] == 1
    assert proof["findings"][2]["examples"] == {"missing": [f"{world.name('clean')}/0/8"]}


def test_one_result_too_many_is_found_wherever_it_stands(world: AuditWorld) -> None:
    world.dead([3])
    proof = audited(world, DISPROVED)
    assert proof["duplicated"] == 1, "in clean and among the dead letters"
    assert proof["findings"][0]["examples"]["duplicated"] == [f"{world.name('raw')}/0/3"]
    world.predictions([7], epochs=[2])
    assert audited(world, DISPROVED)["duplicated"] == 2


def test_results_of_records_that_nobody_knows_are_found(world: AuditWorld) -> None:
    world.clean([77])
    world.write("clean", [b"no origin"])
    world.predictions([8, 9], epochs=[2, 2])
    world.worked()
    assert audited(world, DISPROVED)["findings"][0]["strangers"] == 2


def test_results_out_of_order_are_found(world: AuditWorld) -> None:
    world.raw(2)
    world.clean([11, 10])
    world.predictions([8, 9], epochs=[2, 2])
    world.worked()
    proof = audited(world, DISPROVED)
    assert (proof["disordered"], proof["lost"], proof["duplicated"]) == (1, 0, 0)


def test_an_epoch_that_goes_back_is_found(world: AuditWorld) -> None:
    world.raw(1)
    world.clean([10])
    world.predictions([8], epochs=[1])
    world.worked()
    proof = audited(world, DISPROVED)
    assert (proof["epochs_back"], proof["lost"], proof["duplicated"]) == (1, 0, 0)


def test_what_an_aborted_transaction_left_behind_counts_for_nothing_and_an_open_one_is_waited_for(
    world: AuditWorld,
) -> None:
    config = producer_config(world.view.settings, f"{world.view.settings.prefix}writer", transaction_timeout_ms=5_000)
    producer = Producer(config)
    producer.init_transactions(30)
    header = [(ORIGIN, origin(world.name("raw"), 0, 0))]
    for _ in range(2):
        producer.begin_transaction()
        producer.produce(world.name("clean"), b"never", b"k", 0, headers=header)
        producer.flush(30)
        if _ == 0:
            producer.abort_transaction(30)
    assert audited(world, PROVED)["seconds"] > 0.5, "the open one is aborted for its age; until then nobody can say"


def test_what_cannot_be_found_out_is_neither_proved_nor_disproved(world: AuditWorld) -> None:
    for arguments, over, told in (
        (["no-such-model"], {}, "flight-delay"),
        ([MODEL, "--since", "yesterday"], {}, "yesterday"),
        ([MODEL], {"prefix": "nobody-"}, "nobody-model-versions"),
        ([MODEL], {"kafka_bootstrap": "127.0.0.1:9"}, "127.0.0.1:9"),
    ):
        done = world.run(*arguments, **over)
        assert done.returncode == UNKNOWN, (arguments, done.stderr)
        assert told in done.stderr and "Traceback" not in done.stderr and done.stdout == ""


def test_a_person_at_a_terminal_sees_how_far_it_is(world: AuditWorld) -> None:
    mine, theirs = pty.openpty()
    settings = world.view.settings
    environment = os.environ | {
        "TIDEMILL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap, "TIDEMILL_PREFIX": settings.prefix, "TERM": "xterm",
        "TIDEMILL_SCHEMAS": str(settings.schemas), "TIDEMILL_MODELS_DIR": str(settings.models_dir),
    }  # fmt: skip
    command = [sys.executable, "-m", "tidemill_cli", "audit", MODEL, "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(mine, 65_536):
                shown += part
        except OSError:  # the other side has ended
            os.close(mine)
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["holds"]
    assert process.returncode == PROVED
    assert b"predictions" in shown and b"8/8" in shown
