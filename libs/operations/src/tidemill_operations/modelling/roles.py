"""Which column is the label, the event id, the event time and the entity; what cannot be told is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.contracts.model_file.yaml.suggestions import near
from tidemill_operations.errors import WrongUse
from tidemill_operations.modelling.columns import Column
from tidemill_operations.push.naming import listed

ID_WORDS: Final = ("id", "ids", "key", "uuid", "guid", "ref", "reference")
EVENT_IDS: Final = ("event_id", "id", "uuid", "guid", "transaction_id", "order_id", "row_id", "record_id")
OWNERS: Final = (
    "entity", "customer", "user", "client", "account", "card", "member", "device", "patient", "vehicle", "machine",
    "sensor", "tail_number", "driver", "employee", "borrower", "merchant", "store", "shop", "player", "owner",
)  # fmt: skip
REPEATS: Final = 1.2
"""Events of one owner, on average, from which on a column looks like owners."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person said: names of columns; None: to be found out."""

    label: str
    entity: str | None = None
    event_id: str | None = None
    event_time: str | None = None
    task: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A column in a role, None where the file has none; and why."""

    column: str | None
    reason: str


def must_be_there(name: str, option: str, names: Mapping[str, object]) -> str | None:
    """What to say of a column that is asked for and is not there."""
    if name in names:
        return None
    guess = near(name, list(names)).removesuffix("?")
    return f"{option}: the file has no column {name!r}{f': {guess}?' if guess else ''}; it has {listed(list(names))}"


def words_of(name: str) -> list[str]:
    """The words of a column's name, in lower case: `OrderId` and `order_id` are both order, id."""
    spaced = "".join(f" {c}" if c.isupper() and i and name[i - 1].islower() else c for i, c in enumerate(name))
    return "".join(c if c.isalnum() else " " for c in spaced).lower().split()


def looks_like_id(name: str) -> bool:
    """Whether a name says that its column holds names of things."""
    words = words_of(name)
    return bool(words) and (words[-1] in ID_WORDS or "_".join(words) in OWNERS)


def choose_event_id(columns: Mapping[str, Column], asked: Asked, taken: set[str]) -> Chosen:
    """The column that names events: as asked for, or one without repeats whose name says so."""
    if asked.event_id is not None:
        column = columns[asked.event_id]
        repeats = column.present - column.different
        more = f"; {repeats:,} repeat one before and are set aside" if repeats else ""
        return Chosen(asked.event_id, f"as you said{more}")
    free = [c for c in columns.values() if c.name not in taken and c.is_unique and c.kind in ("string", "long")]
    by_name = {"_".join(words_of(column.name)): column for column in reversed(free)}
    for name in EVENT_IDS:
        if name in by_name:
            return Chosen(by_name[name].name, "no two rows have the same, and its name says so")
    named = [column for column in free if looks_like_id(column.name) and column.name != asked.entity]
    if named:
        return Chosen(named[0].name, "no two rows have the same, and its name looks like that of an id")
    return Chosen(
        None, "no column looks like an id that no two rows share: `push --make-ids` makes them of the file and the line"
    )


def choose_entity(columns: Mapping[str, Column], asked: Asked, taken: set[str], event_id: str | None) -> Chosen:
    """The column that says whose events they are. Raises WrongUse where several could."""
    if asked.entity is not None:
        return Chosen(asked.entity, "as you said")
    free = [c for c in columns.values() if c.name not in taken and c.name != event_id and c.kind in ("string", "long")]
    found = [c for c in free if looks_like_id(c.name) and 1 < c.different * REPEATS <= max(c.present, 2)]
    owners = [c for c in found if set(words_of(c.name)) & set(OWNERS) or "_".join(words_of(c.name)) in OWNERS]
    best = owners if len(owners) == 1 else found
    if len(best) > 1:
        names = ", ".join(column.name for column in best)
        raise WrongUse(
            f"whose events are they: {names}? The order of events is kept for each. Say --entity COLUMN", "--entity"
        )
    if best:
        return Chosen(
            best[0].name,
            f"{best[0].different:,} different ones that come again, and its name looks like that of an owner",
        )
    return Chosen(
        event_id,
        "no column looks like an owner that comes again: each event stands alone; --entity COLUMN says otherwise",
    )
