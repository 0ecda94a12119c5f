"""What release knows of its own topics, without a broker: its readers connect when they are first read."""

from __future__ import annotations

from pathlib import Path

from tests.unit.trainer.fixtures import finished
from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import SchemaCatalog
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
