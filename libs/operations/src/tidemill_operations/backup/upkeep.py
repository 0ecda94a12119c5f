"""What is done with backups that are there: looked at byte by byte, copied to a second place, let go."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill_operations.backup.claims import REMOVES, WRITES, claimed
from tidemill_operations.backup.document import Backup, Damaged
from tidemill_operations.backup.names import taken_at
from tidemill_operations.backup.places import files_below, remove
from tidemill_operations.backup.retention import Policy, kept
from tidemill_operations.backup.sources import Told
from tidemill_operations.backup.store import BACKUPS, OBJECTS, BackupStore


def verify(store: BackupStore, backup: Backup, told: Told) -> list[str]:
    """Read all of a backup: what is damaged, each with its place; nothing where it is whole."""
    problems: list[str] = []
    for part in backup.parts:
        what = f"{part.kind} {part.name}".strip()
        try:
            files = store.listing(part)
        except Damaged as error:
            problems.append(f"{what}: {error}")
            continue
        if len(files) != part.files:
            problems.append(f"{what}: {store.place(part.listing)} lists {len(files)} files, not {part.files}")
        for done, file in enumerate(sorted(files, key=lambda one: (one.object, one.at)), 1):
            try:
                store.content(file)
            except Damaged as error:
                problems.append(f"{what}: {file.path}: {error}")
            told(what, done, len(files))
    return problems


def copy(source: BackupStore, target: BackupStore, backup: Backup, told: Told) -> int:
    """Have the same backup at a second place; gives how many objects were new there. What is read is verified. Raises
    Damaged.
    """
    with claimed(target.url, WRITES):
        wanted = sorted(_objects(source, backup))
        missing = [digest for digest in wanted if digest not in target.objects()]
        for done, digest in enumerate(missing, 1):
            target.put(source.get(digest))
            told(target.url, done, len(missing))
        target.write(backup)
    return len(missing)


@dataclass(frozen=True, slots=True)
class Expiry:
    """`kept`: name of a backup to what it is kept as; `expired`: names of those that go."""

    kept: dict[str, tuple[str, ...]]
    expired: tuple[str, ...]


def plan_expiry(store: BackupStore, policy: Policy) -> Expiry:
    """Which backups stay and which go. One whose name tells no time stays."""
    times = {name: taken_at(name) for name in store.names()}
    stays = kept((at for at in times.values() if at is not None), policy)
    found = {name: ("named by hand",) if at is None else stays.get(at, ()) for name, at in times.items()}
    return Expiry({name: why for name, why in found.items() if why}, tuple(n for n, why in found.items() if not why))


def expire(store: BackupStore, policy: Policy) -> tuple[Expiry, int]:
    """Let backups go, and the objects that no other has; gives what was planned, and how many objects went. Raises
    NotPossible where another process works at the place; Damaged where what stays cannot be read: then no object goes.
    """
    with claimed(store.url, REMOVES):
        plan = plan_expiry(store, policy)
        needed = {digest for name in plan.kept for digest in _objects(store, store.read(name))}
        remove(store.url, [f"{BACKUPS}/{name}.json" for name in plan.expired])
        gone = [path for path in files_below(f"{store.url}/{OBJECTS}") if path.rpartition("/")[2] not in needed]
        remove(f"{store.url}/{OBJECTS}", gone)
    return plan, len(gone)


def _objects(store: BackupStore, backup: Backup) -> set[str]:
    """Digests of all objects of a backup."""
    found = {part.listing for part in backup.parts}
    return found | {file.object for part in backup.parts for file in store.listing(part)}
