"""Takes a backup beside a running platform.

The order makes its parts fit together. Places of groups come first: what is read twice afterwards does no harm. Then
the database in one snapshot, then topics up to their ends: they know all that the database knows. Where they know of
versions that it does not, both are read again. Then the artifacts that either names, which never change; then each
training table, at the version that the database names or a later one. The description comes last.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tidemill import __version__
from tidemill.stores import absolute
from tidemill_operations.backup.claims import WRITES, claimed
from tidemill_operations.backup.document import (
    ARTIFACTS,
    DATABASE,
    TABLES,
    TOPICS,
    Backup,
    Damaged,
    Part,
    Serving,
    Stored,
    TopicFacts,
)
from tidemill_operations.backup.dump import Document, dump
from tidemill_operations.backup.names import new_name
from tidemill_operations.backup.packing import Packer
from tidemill_operations.backup.records import KEPT, Place, Record, read_places, read_records
from tidemill_operations.backup.sources import Artifacts, Told, copy_table
from tidemill_operations.backup.store import BackupStore
from tidemill_operations.references.reading import newest, table_uri
from tidemill_operations.references.uses import Recorded, References, references

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

TRIES = 4
DATABASE_FILE, PLACES_FILE = "database.json", "places.json"
Rows = list[dict[str, Any]]


@dataclass(slots=True)
class _State:
    """What database and topics say. `events`: by role."""

    places: list[Place]
    database: Document
    records: dict[str, list[Record]] = field(default_factory=dict)
    events: dict[str, Rows] = field(default_factory=dict)

    def rows(self, table: str) -> Rows:
        """The rows of a table of the database; JSON as what it says."""
        found = next((one for one in self.database["tables"] if one["name"] == table), None)
        if found is None:
            return []
        kinds = [(column["name"], column["type"][0] == "JSON") for column in found["columns"]]
        return [
            {name: _json(value) if is_json else value for (name, is_json), value in zip(kinds, row, strict=True)}
            for row in found["rows"]
        ]

    def unknown(self) -> set[str]:
        """What topics know and the database does not, as `not_known` has it."""
        return not_known(self.rows("versions"), self.events)


def not_known(versions: Rows, events: Mapping[str, Rows]) -> set[str]:
    """Versions that topics name and the database does not; and models of which another version serves than the history
    says. `versions`: the rows of that table. Pure.
    """
    known = {(row["model"], row["version"]) for row in versions}
    released: dict[str, int] = {}
    named = {(run["model"], run["version"]) for run in events["retrain_runs"] if run["artifact"]}
    for release in events["model_releases"]:
        event = release["published"]
        released[event["model"]] = max(event["epoch"], released.get(event["model"], 0))
        named |= {(event["model"], arm["version"]) for arm in (event["champion"], event["challenger"]) if arm}
    ahead = {e["model"] for e in events["model_versions"] if e["epoch"] > released.get(e["model"], 0)}
    return {f"{model} version {version}" for model, version in named - known} | {f"{model} by now" for model in ahead}


def unknown_versions(platform: PlatformView, database: Document) -> set[str]:
    """What topics name now and this database does not. Raises RetryLater without brokers."""
    from tidemill_operations.feed import read_all

    roles = ("retrain_runs", "model_releases", "model_versions")
    events = {role: [news.datum for news in read_all(platform, role) if news.datum] for role in roles}
    return not_known(_State([], database).rows("versions"), events)


def take(platform: PlatformView, store: BackupStore, told: Told) -> Backup:
    """Take a backup. Raises RetryLater without brokers, ConfigError without the database, NotPossible where the place
    or the stores do not do as they should.
    """
    name, begun = new_name(), _now_ms()
    with claimed(store.url, WRITES):
        before = store.newest()
        state = _read(platform, told)
        roots = absolute(platform.settings.artifacts).rstrip("/"), _tables(platform)
        found = _references(platform, state)
        facts = _topic_facts(platform)
        parts, absent = [_database(store, state), _topics(store, state)], _missing(platform, facts)
        artifacts = Artifacts(roots[0], _packer(store, before, ARTIFACTS, "", roots[0]), absent)
        parts.append(artifacts.copy(found.artifacts.values(), told))
        parts += _copy_tables(platform, store, before, state, found, told)
        backup = Backup(
            name=name, begun_at=begun, finished_at=_now_ms(), release=__version__, prefix=platform.settings.prefix,
            artifacts=roots[0], tables=roots[1], parts=tuple(parts), serving=_serving(state),
            topics=facts, absent=tuple(absent),
        )  # fmt: skip
        store.write(backup)
    return backup


def _read(platform: PlatformView, told: Told) -> _State:
    """Database and topics, again while they do not fit; what does not fit for good is so on the platform, too."""
    from tidemill.codec import Codec

    own, before = Codec(platform.schemas), None
    for _ in range(TRIES):
        state = _State(read_places(platform), dump(platform.settings.database_url))
        told("database", 1, 1)
        for done, role in enumerate(KEPT, 1):
            found = list(read_records(platform, role, own))
            state.records[role] = [record for record, _ in found]
            state.events[role] = [datum for _, datum in found if datum is not None]
            told("topics", done, len(KEPT))
        unknown = state.unknown()
        if not unknown or unknown == before:
            break
        before = unknown
    return state


def _references(platform: PlatformView, state: _State) -> References:
    return references(
        Recorded(
            versions=newest(state.events["model_versions"]), releases=state.events["model_releases"],
            run_events=state.events["retrain_runs"], runs=state.rows("runs"), label_time=state.rows("label_time"),
            takeovers=state.rows("takeovers"),
        )
    )  # fmt: skip


def _database(store: BackupStore, state: _State) -> Part:
    packer = Packer(store, {})
    packer.add(DATABASE_FILE, json.dumps(state.database, sort_keys=True, separators=(",", ":")).encode())
    return packer.finish(DATABASE, "")


def _topics(store: BackupStore, state: _State) -> Part:
    packer = Packer(store, {})
    for role, records in state.records.items():
        packer.add(f"{role}.jsonl", "".join(f"{record.to_line()}\n" for record in records).encode())
    packer.add(PLACES_FILE, json.dumps([asdict(place) for place in state.places]).encode())
    return packer.finish(TOPICS, "")


def _copy_tables(
    platform: PlatformView, store: BackupStore, before: Backup | None, state: _State, found: References, told: Told
) -> list[Part]:
    root, parts = _tables(platform), []
    at_least = {row["model"]: row["table_version"] for row in state.rows("label_time")}
    names = {f"{platform.settings.prefix}{model}": model for model in platform.models}
    names |= {name: "" for uri in found.tables if (name := _name_below(root, uri)) and name not in names}
    for name, model in sorted(names.items()):
        part = copy_table(
            f"{root}/{name}", name, lambda name=name: _packer(store, before, TABLES, name, root),  # type: ignore[misc]
            at_least.get(model, -1), told,
        )  # fmt: skip
        if part is not None:
            parts.append(part)
    return parts


def _packer(store: BackupStore, before: Backup | None, kind: str, name: str, root: str) -> Packer:
    """One that knows what the backup before has of these files, if they were at the same place."""
    known: Mapping[str, Stored] = {}
    if before is not None and root == (before.artifacts if kind == ARTIFACTS else before.tables):
        try:
            known = {f.path: f for part in before.of(kind) if part.name == name for f in store.listing(part)}
        except Damaged:
            known = {}  # all is read and written anew
    return Packer(store, known)


def _serving(state: _State) -> tuple[Serving, ...]:
    events = sorted(newest(state.events["model_versions"]), key=lambda event: str(event["model"]))
    arms = [(event, event["champion"]) for event in events]
    return tuple(Serving(e["model"], e["epoch"], arm["version"], arm["manifest_digest"]) for e, arm in arms)


def _topic_facts(platform: PlatformView) -> dict[str, TopicFacts]:
    from tidemill_operations.standing.lag import Offsets

    offsets = Offsets(platform.settings)
    counts = offsets.partitions(list(platform.topics.all_topics(platform.models)))
    ids = offsets.topic_ids(counts)
    return {topic: TopicFacts(ids[topic], count) for topic, count in sorted(counts.items())}


def _missing(platform: PlatformView, facts: Mapping[str, TopicFacts]) -> list[str]:
    """Topics that belong to a backup and do not exist: a prefix or an address may be another platform's."""
    names = (platform.topics.name(role) for role in KEPT)
    return [f"there is no topic {name}: is it this platform's Kafka and prefix?" for name in names if name not in facts]


def _tables(platform: PlatformView) -> str:
    return table_uri(platform.settings.tables, "", "").rstrip("/")


def _name_below(root: str, uri: str) -> str:
    """The name of a table right below the root; empty for one elsewhere."""
    name = uri.removeprefix(f"{root}/")
    return "" if name == uri or "/" in name else name


def _json(value: str | None) -> Any:
    return None if value is None else json.loads(value)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
