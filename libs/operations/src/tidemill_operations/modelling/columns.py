"""What the columns of a sample are: their type, how much is missing, and why it is thought so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from tidemill_operations.modelling.sample import Sample
from tidemill_operations.modelling.times import readings
from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.files.text import NULL_WORDS, WITH_COMMA

PAIRS: Final = ({"true", "false"}, {"t", "f"}, {"yes", "no"}, {"y", "n"})
PLAIN_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]*)")
LEADING_ZERO: Final = re.compile(r"-?0[0-9]+")
NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_]+")
OTHER_NULLS: Final = (
    *sorted(NULL_WORDS - {""}),
    "?",
    "-",
    "--",
    "n/a",
    "na",
    "nan",
    "NaN",
    "none",
    "missing",
    "unknown",
)
SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class Column:
    """`name` in the file, `field` in the record; `kind` its type there, "" where a record cannot hold it; `values` as
    the record has them; `reason`: why this type. `missing`: how many are.
    """

    name: str
    field: str
    kind: str
    values: pl.Series
    reason: str

    @property
    def missing(self) -> int:
        return self.values.null_count()

    @property
    def different(self) -> int:
        return int(self.values.drop_nulls().n_unique())

    @property
    def present(self) -> int:
        return len(self.values) - self.missing

    @property
    def is_unique(self) -> bool:
        return self.missing == 0 and self.different == len(self.values) > 1


def fields_of(names: list[str]) -> dict[str, str]:
    """A field's name for every column that has a name: its own where Avro takes it, else one that is like it. No two
    are the same, and none begins with an underscore: those are the platform's.
    """
    fitting = {name for name in names if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)}
    found: dict[str, str] = {}
    for name in (name for name in names if name):
        if name in fitting:
            found[name] = name
            continue
        plain = NOT_IN_A_NAME.sub("_", name).strip("_").lower() or "column"
        plain = plain if plain[0].isalpha() else f"c_{plain}"
        number, free = 2, plain
        while free in fitting or free in found.values():
            free, number = f"{plain}_{number}", number + 1
        found[name] = free
    return found


def read_columns(
    sample: Sample, fields: Mapping[str, str], choices: Choices, event_time: str | None
) -> dict[str, Column]:  # fmt: skip
    """Every column with a name, by that name. That of event times is one of times, whatever else it could be."""
    found = {name: _column(sample, name, field, choices) for name, field in fields.items()}
    times = sample.read(event_time, "time", choices) if event_time is not None else None
    if event_time is not None and times is not None:
        found[event_time] = Column(event_time, fields[event_time], "time", times, "times")
    return found


def _column(sample: Sample, name: str, field: str, choices: Choices) -> Column:
    given = sample.frame[name]
    texts = _texts(given) if sample.written or choices.as_text else None
    present = len(given) - given.null_count()
    if not present:
        return Column(
            name, field, "string", pl.Series(name, [None] * len(given), dtype=pl.String), "empty in the sample"
        )
    for kind in ("boolean", "long", "double", "time"):
        if texts is not None and not _may_be(kind, texts):
            continue
        if kind == "time" and not _says_time(sample, name, choices):
            continue
        values = sample.read(name, kind, choices)
        if values is not None and values.null_count() < len(values):
            return Column(name, field, kind, values, _reason(kind, values))
    values = sample.read(name, "string", choices)
    if values is None:
        problem = sample.problem(name, "string", choices)
        reason = f"no single value: line {problem.line} {problem.reason}" if problem else "no single value"
        return Column(name, field, "", pl.Series(name, [None] * len(given), dtype=pl.String), reason)
    return Column(name, field, "string", values, _text_reason(sample, name, texts, choices))


def _texts(given: pl.Series) -> set[str] | None:
    """The different cells of a column of CSV that say something."""
    if given.dtype != pl.String:
        return None
    return {text.strip() for text in given.drop_nulls().unique().to_list()} - NULL_WORDS - {"nan", "NaN"}


def _may_be(kind: str, texts: set[str]) -> bool:
    """What push would take, and what a person would not: 00123 as a number, 1 as a truth."""
    if kind == "boolean":
        return {text.lower() for text in texts} in PAIRS
    if kind == "long":
        return all(PLAIN_WHOLE.fullmatch(text) for text in texts)
    if kind == "double":
        return not any(LEADING_ZERO.fullmatch(text) for text in texts)
    return True


def _says_time(sample: Sample, name: str, choices: Choices) -> bool:
    """Whether a column that is no number is a time by the choices that hold for the file."""
    return any(found.choices == choices for found in readings(sample, name, choices))


def _reason(kind: str, values: pl.Series) -> str:
    different = values.drop_nulls().n_unique()
    if kind in ("boolean", "time"):
        return {"boolean": "truths", "time": "times"}[kind]
    least, most = values.min(), values.max()
    what = "whole numbers" if kind == "long" else "numbers"
    return f"{different:,} different {what} from {least!r} to {most!r}"


def _text_reason(sample: Sample, name: str, texts: set[str] | None, choices: Choices) -> str:
    values = sample.frame[name].drop_nulls()
    said = (
        f"{values.n_unique() if values.dtype != pl.Object else len(set(map(str, values.to_list()))):,} different texts"
    )
    if texts is None:
        return said
    if any(LEADING_ZERO.fullmatch(text) for text in texts) and all(text.lstrip("-").isdigit() for text in texts):
        return f"{said}: digits with leading zeros, which a number would lose"
    if all(text.lstrip("-").isdigit() for text in texts):
        return f"{said}: digits, more than 64 bits hold"
    words = sorted(word for word in OTHER_NULLS if word in texts or (word in NULL_WORDS and (values == word).any()))
    if words:
        told = " ".join(f"--null-word {word!r}" for word in words)
        return f"{said}, {', '.join(map(repr, words))} among them: if that is missing, say {told}"
    if any("," in text for text in texts) and all(WITH_COMMA.fullmatch(text) for text in texts):
        return f"{said} that look like numbers with a decimal comma: --decimal-comma reads them"
    return said


def shown(value: object) -> str:
    """A value for a comment: one line, not long."""
    text = (
        str(value).encode("unicode_escape").decode()
        if isinstance(value, str) and not value.isprintable()
        else str(value)
    )
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def wants_decimal_comma(sample: Sample) -> bool:
    """Whether numbers of a CSV file are written 1,5: some column is, and none has a point."""
    if not sample.written:
        return False
    commas = points = False
    for series in sample.frame.get_columns():
        texts = _texts(series)
        if not texts or all(text.lstrip("-").isdigit() for text in texts):
            continue
        commas |= any("," in text for text in texts) and all(WITH_COMMA.fullmatch(text) for text in texts)
        points |= all(re.fullmatch(r"-?[0-9]+\.?[0-9]*", text) for text in texts)
    return commas and not points
