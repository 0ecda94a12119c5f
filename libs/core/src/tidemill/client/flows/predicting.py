"""Predictions of serve: for one row, for many, for a table in columns. What is wrong with a row is told before it is
sent where the record tells it, else by serve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from tidemill.client.errors import InvalidRows, MissingPackage, Refused, RowError
from tidemill.client.exchange import JSON, Answer, Flow, Patience, Request, ask
from tidemill.client.flows.forms import INSTANCES, Forms, InstanceForm, model_path
from tidemill.client.rows.tables import NEEDED, ArrowTable, Data, as_rows, as_table, like
from tidemill.client.rows.values import as_json
from tidemill.json.rows import FieldError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Prediction", "predict_many", "predict_one", "predict_table"]

ROWS_AT_ONCE = 500
TABLE_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer. `probability` and `label` of a binary target, `label` and `probabilities` of one with classes,
    `value` of a regression; what the task does not have is None. `source`, `event_time` and `predicted_at` are told by
    `tail_predictions` alone.
    """

    prediction_id: str
    event_id: str
    model: str
    version: int
    epoch: int
    probability: float | None = None
    label: bool | str | None = None
    probabilities: Mapping[str, float] | None = None
    value: float | None = None
    source: str | None = None
    event_time: datetime | None = None
    predicted_at: datetime | None = None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Prediction:
        """What is known of an answer's fields."""
        return cls(**{name: answer[name] for name in cls.__dataclass_fields__ if name in answer})


def predict_one(model: str, row: Mapping[str, Any], forms: Forms, retry_s: float) -> Flow[Prediction]:
    """Raises InvalidRows, NoVersion, NotReachable, Refused."""
    (line,) = yield from _checked(model, [row], 0, forms, retry_s)
    answer = yield from _answered(model, line, JSON, 0, retry_s)
    return Prediction.of(answer.json())


def predict_many(model: str, rows: Data, forms: Forms, retry_s: float) -> Flow[list[Prediction]]:
    """One prediction for each row, in their order; raises as `predict_one` does, before or behind whole batches."""
    found: list[Prediction] = []
    left = as_rows(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        lines = yield from _checked(model, some, len(found), forms, retry_s)
        found += yield from _batch(model, lines, len(found), retry_s)
    return found


def predict_table(model: str, data: ArrowTable, forms: Forms, retry_s: float) -> Flow[Any]:
    """A table of predictions, one row for each row, of the same kind as `data`: prediction_id, event_id, version, epoch
    and the typed output. Raises as `predict_one` does, and MissingPackage without pyarrow.
    """
    table = as_table(data)
    concat, settled = _columns()
    if not len(table):
        raise InvalidRows([RowError(0, "", "the table has no rows")])
    form = yield from forms.to_ask(model, Patience(retry_s))
    try:
        fitted = settled(table, form)
    except InvalidRows:
        if not forms.forget_if_old(model, INSTANCES):
            raise
        fitted = settled(table, (yield from forms.to_ask(model, Patience(retry_s))))
    parts: list[pa.Table] = []
    for start in range(0, len(fitted), TABLE_ROWS_AT_ONCE):
        parts += yield from _part(model, fitted.slice(start, TABLE_ROWS_AT_ONCE), start, retry_s)
    return like(data, concat(parts).replace_schema_metadata({"model": model}))


def _columns() -> tuple[Callable[[list[pa.Table]], pa.Table], Callable[[pa.Table, InstanceForm], pa.Table]]:
    try:
        from pyarrow import concat_tables

        from tidemill.client.rows.columns import settled
    except ImportError as error:
        raise MissingPackage(f"tables need {error.name}: {NEEDED}") from error
    return concat_tables, settled


def _checked(model: str, rows: Sequence[Any], first: int, forms: Forms, retry_s: float) -> Flow[list[bytes]]:
    form = yield from forms.to_ask(model, Patience(retry_s))
    lines, errors = _read(form, rows, first)
    if errors and forms.forget_if_old(model, INSTANCES):
        form = yield from forms.to_ask(model, Patience(retry_s))
        lines, errors = _read(form, rows, first)
    if errors:
        raise InvalidRows(errors)
    return lines


def _read(form: InstanceForm, rows: Sequence[Any], first: int) -> tuple[list[bytes], list[RowError]]:
    lines: list[bytes] = []
    errors: list[RowError] = []
    for index, row in enumerate(rows, first):
        try:
            lines.append(as_json(form.read(row)))
        except FieldError as error:
            errors += [RowError(index, name, reason, "schema") for name, reason in error.errors]
    return lines, errors


def _batch(model: str, lines: Sequence[bytes], first: int, retry_s: float) -> Flow[list[Prediction]]:
    body = b'{"instances":[' + b",".join(lines) + b"]}"
    try:
        answer = yield from _answered(model, body, JSON, first, retry_s)
    except Refused as error:
        if error.status != 413 or len(lines) == 1:
            raise
        middle = len(lines) // 2
        before = yield from _batch(model, lines[:middle], first, retry_s)
        behind = yield from _batch(model, lines[middle:], first + middle, retry_s)
        return [*before, *behind]
    return [Prediction.of(found) for found in answer.json()["predictions"]]


def _part(model: str, rows: pa.Table, first: int, retry_s: float) -> Flow[list[pa.Table]]:
    from tidemill.client.rows.columns import ARROW, read_stream, write_stream

    try:
        answer = yield from _answered(model, write_stream(rows), ARROW, first, retry_s)
    except Refused as error:
        if error.status != 413 or len(rows) == 1:
            raise
        middle = len(rows) // 2
        before = yield from _part(model, rows.slice(0, middle), first, retry_s)
        behind = yield from _part(model, rows.slice(middle), first + middle, retry_s)
        return [*before, *behind]
    return [read_stream(answer.content)]


def _answered(model: str, body: bytes, kind: str, first: int, retry_s: float) -> Flow[Answer]:
    """The answer to a body whose first row is the `first`. A request that may have arrived is not sent again: its
    predictions would be two.
    """
    request = Request("serve", "POST", model_path(model, "/predict"), body, {"content-type": kind}, again=False)
    patience = Patience(retry_s)
    try:
        return (yield from ask(request, patience))
    except Refused as error:
        if error.status != 422 or error.answer is None:
            raise
        raise InvalidRows(list(_errors(error.answer, first))) from error


def _errors(answer: Answer, first: int) -> Iterator[RowError]:
    body = answer.json()
    if not body.get("errors"):
        yield RowError(first, "", str(body.get("message", "")))
    for error in body.get("errors", ()):
        yield RowError(first + error["index"], error["field"], error["reason"], error["rule"])
    if body.get("more_errors"):
        yield RowError(first, "", f"and {body['more_errors']:,} more errors")
