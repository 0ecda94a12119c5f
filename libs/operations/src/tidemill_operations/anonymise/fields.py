"""What becomes of each field of a model's record: by its role, by its rule of `privacy`, or as a person says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tidemill.codec.layout import layout_of
from tidemill.contracts.schemas.avro_types import field_type
from tidemill_learning.data_set.table_rows import LABEL_TYPES
from tidemill_operations.anonymise.choices import Choices
from tidemill_operations.errors import NotPossible, WrongUse
from tidemill_operations.push.convert import record_fields

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.contracts.schemas.catalog import Schema

EVENT_IDS, ENTITIES = "event id", "entity"
"""Under which name hashes are made: the same in copies of all models, so that these fit one another."""


class Sort(StrEnum):
    """What kind of values a field has, as far as it matters to who may be told by them."""

    TEXT = "text"
    CODE = "code"
    BYTES = "bytes"
    TIME = "time"
    NUMBER = "number"
    TRUTH = "truth"


class Act(StrEnum):
    """What becomes of a field. ASK: it stays if no value of it is rare and they are few, else a person is asked."""

    HASH = "hash"
    DROP = "drop"
    MASK = "mask"
    ROUND = "round"
    KEEP = "keep"
    ASK = "ask"


CATEGORIES = (Sort.TEXT, Sort.CODE, Sort.BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One field. `by`: who says so, in words; `domain`: under which name its hashes are made; `in_record`: the label
    may stand beside the record alone; `listed`: its values are named in its schema.
    """

    name: str
    type: pa.DataType
    sort: Sort
    nullable: bool
    act: Act
    by: str
    domain: str = ""
    keep_last: int = 0
    step: Fraction | None = None
    in_record: bool = True
    listed: bool = False

    @property
    def judged(self) -> bool:
        """Whether values of it may be read in the copy that must not be rare."""
        return self.sort in CATEGORIES and self.act in (Act.KEEP, Act.ASK, Act.MASK)

    @property
    def stand_in(self) -> str | None:
        """What stands for a rare value where a null may not."""
        return "other" if self.sort is Sort.TEXT and not self.nullable else None

    @property
    def replaceable(self) -> bool:
        """Whether anything can stand for a rare value; else the row that has it is left out."""
        return self.nullable or self.stand_in is not None


def plans_of(spec: ModelSpec, record: Schema, choices: Choices) -> dict[str, Plan]:
    """A plan for each field of the record, and for the label. Raises WrongUse for a choice that a field cannot have,
    and NotPossible for a record that no file of a push can hold.
    """
    try:
        record_fields(record.json["fields"])
    except ValueError as error:
        raise NotPossible(f"no file that `tidemill push` takes can hold {spec.name}'s record: {error}") from error
    layout = layout_of(record.json)
    assert layout is not None, "its fields have just been found to fit columns"
    plans = {one["name"]: _plan(spec, one, layout.arrow.field(one["name"]).type, choices) for one in record.fields}
    label = spec.target.label
    if label not in plans:
        kind = LABEL_TYPES[spec.target.task]
        plans[label] = _decided(spec, label, kind, _sort(kind, "", category=False), choices, in_record=False)
    for name, option in (*choices.fields.items(), *((name, "round") for name in choices.rounds)):
        if name not in plans:
            raise WrongUse(f"{spec.name} has no field {name!r}; there are {', '.join(plans)}", f"--{option}")
    return plans


def _plan(spec: ModelSpec, avro: Mapping[str, Any], kind: pa.DataType, choices: Choices) -> Plan:
    name, (word, nullable) = avro["name"], field_type(avro["type"])
    if pa.types.is_dictionary(kind) or pa.types.is_large_string(kind):
        kind = pa.string()
    category = any(feature.name == name and feature.kind == "category" for feature in spec.features)
    return _decided(
        spec, name, kind, _sort(kind, word, category=category), choices, nullable=nullable, listed=word == "enum"
    )


def _sort(kind: pa.DataType, word: str, *, category: bool) -> Sort:
    if pa.types.is_string(kind):
        return Sort.CODE if word == "enum" else Sort.TEXT
    if pa.types.is_temporal(kind):
        return Sort.TIME
    if pa.types.is_boolean(kind):
        return Sort.TRUTH
    if pa.types.is_binary(kind):
        return Sort.BYTES
    return Sort.CODE if category else Sort.NUMBER


def _decided(
    spec: ModelSpec, name: str, kind: pa.DataType, sort: Sort, choices: Choices, *, nullable: bool = False,
    in_record: bool = True, listed: bool = False,
) -> Plan:  # fmt: skip
    said, step = choices.fields.get(name), choices.rounds.get(name)
    for problem in _mistakes(spec, name, sort, said, step, kind, nullable=nullable or not in_record, listed=listed):
        raise problem
    rule = spec.privacy.get(name)
    act, by, keep_last = (Act.ASK if sort in CATEGORIES else Act.KEEP), "by default", 0
    if name in (spec.event_id, spec.entity):
        act, by = Act.HASH, "it names the event" if name == spec.event_id else "it names the entity"
    elif said is not None:
        act, by = Act(said), f"--{said}"
    elif rule is not None:
        act, by, keep_last = Act(rule.kind), "its rule of privacy", rule.keep_last
    elif step is not None:
        act, by = Act.ROUND, f"--round {name}={step}"
    domain = EVENT_IDS if name == spec.event_id else ENTITIES if name == spec.entity else f"field {name}"
    return Plan(
        name=name, type=kind, sort=sort, nullable=nullable, act=act, by=by, domain=domain, keep_last=keep_last,
        step=step, in_record=in_record, listed=listed,
    )  # fmt: skip


def _mistakes(
    spec: ModelSpec, name: str, sort: Sort, said: str | None, step: Fraction | None, kind: pa.DataType, *,
    nullable: bool, listed: bool,
) -> Iterator[WrongUse]:  # fmt: skip
    """Why it cannot be as it was said."""
    option = f"--{said}"
    if step is not None and (said is not None or sort is not Sort.NUMBER):
        yield WrongUse(f"{name} is {sort}, or spoken of twice: only numbers that stay are rounded", "--round")
    if step is not None and pa.types.is_integer(kind) and step.denominator != 1:
        yield WrongUse(f"{name} has whole numbers: its step must be one too", "--round")
    if said is None:
        return
    if name in (spec.event_id, spec.entity):
        yield WrongUse(f"{name} names the event or the entity: it is hashed in any case", option)
    if name == spec.event_time and said != "keep":
        yield WrongUse(f"{name} is the event time: --shift-times and --truncate-times change it", option)
    if name in spec.privacy and said != "drop":
        yield WrongUse(f"{name} has a rule of privacy ({spec.privacy[name].kind}), which holds; --drop goes on", option)
    if said in ("hash", "mask") and sort is not Sort.TEXT:
        yield WrongUse(f"{name} is {sort}: only text can be hashed or masked; --drop takes it out", option)
    if said == "mask" and name == spec.target.label:
        yield WrongUse(f"{name} is the label: masked, classes become one another; --hash keeps them apart", option)
    if said == "drop" and listed and not nullable:
        yield WrongUse(f"{name} is an enum that admits no null: it cannot be dropped", option)
