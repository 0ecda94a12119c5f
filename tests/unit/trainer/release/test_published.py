"""What release knows of its own topics, without a broker: its readers connect when they are first read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.fixtures import finished
from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.broadcast import BroadcastReader
from tidemill.settings import KafkaSettings
from tidemill_trainer.release.published import Published
from tidemill_trainer.release.transitions import release_of_run, run_release_id

SCHEMAS = SchemaCatalog.load(Path("schemas"), {})


def published() -> Published:
    return Published(KafkaSettings(), "versions", "releases", Codec(SCHEMAS), SCHEMAS)


def test_a_release_counts_from_its_commit_on_though_no_reader_has_seen_it_yet() -> None:
    known = published()
    known.note(release_of_run(known.current("tide"), finished(1), 7))
    assert known.knows(run_release_id("run1"))
    second = release_of_run(known.current("tide"), finished(2), 8)
    assert second.published.epoch == 2


def test_a_release_that_is_read_after_it_was_noted_counts_once() -> None:
    known = published()
    first = release_of_run(None, finished(1), 7)
    second = release_of_run(first.published, finished(2), 8)
    for release in (first, second, first, second):
        known.note(release)
    current = known.current("tide")
    assert current is not None and current.epoch == 2
    assert known.previous("tide") == 1


def test_versions_that_were_read_count_though_the_releases_cannot_be_read_just_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Readers of the test's own in place of the brokers, first of versions, then of releases: each hands its records
    over once, as the real one does.
    """
    known, version = published(), release_of_run(None, finished(1), 7).published
    value = Codec(SCHEMAS).encode_one(version.to_dict(), SCHEMAS.platform("model-version"))
    answers: list[list[Batch] | RetryLater] = [
        [Batch("versions", [0], [0], [0], [b"tide"], [value], [None])],
        RetryLater("brokers are away"),
        [],  # of versions: there are no others
        [],  # of releases
    ]

    def catch_up(reader: BroadcastReader, timeout_s: float) -> list[Batch]:
        answer = answers.pop(0)
        if isinstance(answer, RetryLater):
            raise answer
        return answer

    monkeypatch.setattr(BroadcastReader, "catch_up", catch_up)
    with pytest.raises(RetryLater):
        known.catch_up(1.0)
    known.catch_up(1.0)
    current = known.current("tide")
    assert current is not None and current.epoch == 1


def test_what_is_no_event_is_passed_over_and_epochs_go_on_by_the_history(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """model-versions is compacted: a record that is no event stands in the place of the version that serves."""
    known, codec = published(), Codec(SCHEMAS)
    first = release_of_run(None, finished(1), 7)
    second = release_of_run(first.published, finished(2), 8)
    history = [codec.encode_one(one.to_dict(), SCHEMAS.platform("model-release")) for one in (first, second)]
    answers = [[b"no event"], [history[0], b"\x00", history[1]]]

    def catch_up(reader: BroadcastReader, timeout_s: float) -> list[Batch]:
        values = answers.pop(0)
        places = list(range(len(values)))
        return [Batch("any", [0] * len(values), places, places, [b"tide"] * len(values), values, [None] * len(values))]

    monkeypatch.setattr(BroadcastReader, "catch_up", catch_up)
    known.catch_up(1.0)
    current = known.current("tide")
    assert current is not None and (current.epoch, current.champion.version) == (2, 2)
    assert known.knows(run_release_id("run1")) and known.previous("tide") == 1
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_what_was_read_is_kept_while_the_registry_cannot_say_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(Codec):
        asked = 0

        def decode_one(self, value: bytes | None, reader: Schema) -> dict[str, Any]:
            self.asked += 1
            if self.asked == 2:
                raise RetryLater("the registry is away")
            return super().decode_one(value, reader)

    codec = Away(SCHEMAS)
    known = Published(KafkaSettings(), "versions", "releases", codec, SCHEMAS)
    versions = [release_of_run(None, finished(1), 7).published]
    versions.append(release_of_run(versions[0], finished(2), 8).published)
    values = [codec.encode_one(one.to_dict(), SCHEMAS.platform("model-version")) for one in versions]
    answers = [[Batch("versions", [0, 0], [0, 1], [0, 1], [b"tide"] * 2, values, [None] * 2)], [], []]
    monkeypatch.setattr(BroadcastReader, "catch_up", lambda reader, timeout_s: answers.pop(0))
    with pytest.raises(RetryLater):
        known.catch_up(1.0)
    known.catch_up(1.0)
    current = known.current("tide")
    assert current is not None and current.epoch == 2
