"""Brings a platform back out of a backup: everything is looked at before anything is written.

Files come first and the topic that says what serves last, so that nothing is named before it is there. What stands
where it belongs already is left as it is: a restore that was killed is run again, and goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tidemill.stores import absolute
from tidemill_operations.backup.document import ARTIFACTS, DATABASE, TABLES, TOPICS, Backup, TopicFacts
from tidemill_operations.backup.dump import Document
from tidemill_operations.backup.records import KEPT, Place, Record
from tidemill_operations.backup.sources import Told
from tidemill_operations.backup.store import BackupStore
from tidemill_operations.backup.take import DATABASE_FILE, PLACES_FILE, unknown_versions
from tidemill_operations.erase.acts import Erasure, erasures_of
from tidemill_operations.errors import NotPossible, WrongUse
from tidemill_operations.references.reading import table_uri
from tidemill_operations.restore import cluster, groups, load
from tidemill_operations.restore.files import FilesBack
from tidemill_operations.restore.moved import Moved
from tidemill_operations.restore.proof import Proved, prove
from tidemill_operations.restore.topics import TopicsBack, as_they_are_now, present

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

MOST_NAMED = 20


@dataclass(slots=True)
class Restored:
    """What was written, beside what was there already. `serving`: whether each model's version can be served here."""

    backup: Backup
    files: int = 0
    bytes: int = 0
    database: bool = False
    records: int = 0
    places: int = 0
    seconds: float = 0.0
    serving: tuple[Proved, ...] = ()
    erased: tuple[tuple[str, Erasure], ...] = ()
    """Erasures that the audit log knows and that came after the backup, each with its model: of these rows are back."""


@dataclass(slots=True)
class _Work:
    """All that is to be written, read and moved to where it belongs."""

    files: list[FilesBack] = field(default_factory=list)
    database: Document | None = None
    topics: TopicsBack | None = None
    were: dict[str, list[Record]] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)


def restore(platform: PlatformView, store: BackupStore, backup: Backup, parts: Collection[str], told: Told) -> Restored:
    """Restore these parts of a backup. Raises WrongUse where it is of another platform; NotPossible where something is
    in the way, all of it named, or services are running: then nothing was written; Damaged where the backup is.
    """
    began = time.monotonic()
    if backup.prefix != platform.settings.prefix:
        raise WrongUse(
            f"backup {backup.name} is of the prefix {backup.prefix!r}, and this platform's is "
            f"{platform.settings.prefix!r}: set TIDEMILL_PREFIX"
        )
    cluster.ensure_stopped(platform)
    work = _prepared(platform, store, backup, parts)
    _ensure_free(platform, backup, parts, work)
    done = Restored(backup)
    for files in work.files:
        count, size = files.write(told)
        done.files, done.bytes = done.files + count, done.bytes + size
    if work.database is not None:
        done.database = load.load(platform.settings.database_url, work.database)
        told("database", 1, 1)
    if work.topics is not None:
        done.records = work.topics.write()
        done.places = groups.commit(platform, _places(platform, backup, work))
        told("topics", 1, 1)
    done.serving = prove(platform, backup)
    done.erased = _erased_since(platform, backup)
    done.seconds = time.monotonic() - began
    return done


def _prepared(platform: PlatformView, store: BackupStore, backup: Backup, parts: Collection[str]) -> _Work:
    roots = {ARTIFACTS: absolute(platform.settings.artifacts).rstrip("/"), TABLES: _tables(platform)}
    to = Moved(((backup.artifacts, roots[ARTIFACTS]), (backup.tables, roots[TABLES])))
    work = _Work()
    for kind in (TABLES, ARTIFACTS):
        if kind in parts:
            work.files += [FilesBack(store, part, roots[kind]) for part in backup.of(kind)]
    if DATABASE in parts:
        found = _contents(store, backup, DATABASE)
        work.database = load.moved(json.loads(found[DATABASE_FILE]), to)
    if TOPICS in parts:
        found = _contents(store, backup, TOPICS)
        if strange := found.keys() - {PLACES_FILE, *(f"{role}.jsonl" for role in KEPT)}:
            raise NotPossible(
                f"backup {backup.name} has {', '.join(sorted(strange))}, which this release does not know"
            )
        work.places = [Place(**place) for place in json.loads(found.pop(PLACES_FILE))]
        work.were = {
            name.removesuffix(".jsonl"): sorted(
                (Record.from_line(line) for line in data.decode().splitlines()),
                key=lambda one: (one.partition, one.offset),
            )
            for name, data in found.items()
        }
        cluster.ensure_topics(platform, backup)
        anew = cluster.models_anew(platform, backup)
        work.topics = TopicsBack(
            platform, as_they_are_now(platform, work.were, [s.model for s in backup.serving], to, anew)
        )
    return work


def _ensure_free(platform: PlatformView, backup: Backup, parts: Collection[str], work: _Work) -> None:
    """Raises NotPossible with all that is in the way."""
    found = [problem for files in work.files for problem in files.in_the_way()]
    if work.database is not None:
        found += load.in_the_way(platform.settings.database_url, work.database)
        if TOPICS not in parts:
            unknown = sorted(unknown_versions(platform, work.database))
            found += [f"topics know of {name}, and the backup's database does not" for name in unknown]
    if work.topics is not None:
        found += work.topics.in_the_way()
    if found:
        named = "\n  ".join(found[:MOST_NAMED])
        more = f"\n  and {len(found) - MOST_NAMED:,} more" if len(found) > MOST_NAMED else ""
        raise NotPossible(
            f"nothing was written, for backup {backup.name} would meet what is there:\n  {named}{more}\n"
            "Restore to an empty platform, or only the parts that are lost (--only); docs/backup.md says more"
        )


def _places(platform: PlatformView, backup: Backup, work: _Work) -> list[Place]:
    assert work.topics is not None
    now: dict[str, TopicFacts] = cluster.facts_now(platform)
    name = platform.topics.name
    restored = {name(role): (were, present(platform, role)) for role, were in work.were.items()}
    return groups.places_now(work.places, backup.topics, now, restored)


def _erased_since(platform: PlatformView, backup: Backup) -> tuple[tuple[str, Erasure], ...]:
    """The audit log is the only part of a database that is kept where another is restored."""
    found = [(model, one) for model in platform.models for one in erasures_of(platform, model)]
    return tuple((model, one) for model, one in found if one.at_ms >= backup.begun_at)


def _contents(store: BackupStore, backup: Backup, kind: str) -> dict[str, bytes]:
    return {file.path: store.content(file) for part in backup.of(kind) for file in store.listing(part)}


def _tables(platform: PlatformView) -> str:
    return table_uri(platform.settings.tables, "", "").rstrip("/")
