"""Events and labels to ingest: in batches, again with the same event ids where no answer came."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal

from tidemill.client.errors import ClientError, NotStored, Refused, RowError, RowsRefused
from tidemill.client.exchange import PASSING, Answer, Flow, NoAnswer, Patience, Request, may_pass, refusal, unreached
from tidemill.client.flows.forms import Forms, PushForm, model_path
from tidemill.client.rows.tables import Data, as_rows
from tidemill.client.rows.values import as_json
from tidemill.ids import uuid7
from tidemill.json.rows import FieldError

__all__ = ["Push", "Pushed", "Role", "push"]

Role = Literal["events", "labels"]
NDJSON: Final = "application/x-ndjson"
ROWS_AT_ONCE = 1_000
BYTES_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of rows. `accepted`: those that Kafka has acknowledged; `event_ids`: theirs, in the order in which
    that was; `refused`: why the others are not taken, every wrong field of each.
    """

    accepted: int
    event_ids: tuple[str, ...]
    refused: tuple[RowError, ...]


@dataclass(frozen=True, slots=True)
class Push:
    """One push. `make_ids`: rows without event id get a UUIDv7; `retry_s`: for how long each batch is tried."""

    model: str
    role: Role
    make_ids: bool = False
    raise_refused: bool = True
    retry_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Row:
    index: int
    event_id: str
    line: bytes


@dataclass(slots=True)
class _Outcome:
    event_ids: list[str] = field(default_factory=list)
    refused: list[RowError] = field(default_factory=list)

    @property
    def pushed(self) -> Pushed:
        return Pushed(len(self.event_ids), tuple(self.event_ids), tuple(sorted(self.refused, key=lambda e: e.index)))


def push(job: Push, data: Data, forms: Forms) -> Flow[Pushed]:
    """Send rows, all that are right. Raises RowsRefused behind the last of them, NotStored, Refused."""
    outcome = _Outcome()
    rows = enumerate(as_rows(data))
    while some := list(islice(rows, ROWS_AT_ONCE)):
        ready = yield from _checked(job, some, forms, outcome)
        for batch in _by_size(ready):
            yield from _stored(job, batch, outcome)
    if outcome.refused and job.raise_refused:
        raise RowsRefused(outcome.pushed)
    return outcome.pushed


def _checked(job: Push, rows: list[tuple[int, Mapping[str, Any]]], forms: Forms, outcome: _Outcome) -> Flow[list[_Row]]:
    """Those rows that are records of the model, ready to be sent."""
    form = yield from forms.to_push(job.model, job.role, Patience(job.retry_s))
    ready: list[_Row] = []
    for index, row in rows:
        new_id = uuid7() if job.make_ids and job.role == "events" else None
        found = _read(form, index, row, new_id)
        if isinstance(found, list) and forms.forget_if_old(job.model, job.role):
            form = yield from forms.to_push(job.model, job.role, Patience(job.retry_s))
            found = _read(form, index, row, new_id)
        if isinstance(found, list):
            outcome.refused += found
        else:
            ready.append(found)
    return ready


def _read(form: PushForm, index: int, row: Any, new_id: str | None) -> _Row | list[RowError]:
    try:
        sent, found = form.read(row, new_id)
    except FieldError as error:
        return [RowError(index, name, reason, "schema") for name, reason in error.errors]
    return _Row(index, found.event_id, as_json(sent))


def _by_size(rows: list[_Row]) -> Iterable[list[_Row]]:
    batch: list[_Row] = []
    size = 0
    for row in rows:
        if batch and size + len(row.line) > BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += len(row.line) + 1
    if batch:
        yield batch


def _stored(job: Push, batch: list[_Row], outcome: _Outcome) -> Flow[None]:
    """Send a batch until each of its rows is stored or refused."""
    patience = Patience(job.retry_s)
    request, next_row = _request(job, batch), batch[-1].index + 1
    while batch:
        answer: Answer | NoAnswer = yield request
        if isinstance(answer, Answer) and answer.status == 413:
            yield from _halved(job, batch, outcome, refusal(answer))
            return
        left = _note(answer, batch, outcome)
        if not left:
            return
        pause = patience.pause(answer) if len(left) < len(batch) or may_pass(request, answer) else None
        if pause is None:
            raise _not_stored(answer, left, next_row, outcome)
        if len(left) < len(batch):  # another body under the same key would be refused
            request = _request(job, left)
        batch = left
        yield pause


def _halved(job: Push, batch: list[_Row], outcome: _Outcome, why: Refused) -> Flow[None]:
    """What is too large for one request goes by halves; a row that is too large by itself is refused."""
    if len(batch) == 1:
        outcome.refused.append(RowError(batch[0].index, "", str(why)))
        return
    middle = len(batch) // 2
    yield from _stored(job, batch[:middle], outcome)
    yield from _stored(job, batch[middle:], outcome)


def _request(job: Push, batch: list[_Row]) -> Request:
    """The same key whenever this body is sent: ingest stores it once."""
    headers = {"content-type": NDJSON, "idempotency-key": str(uuid.uuid4())}
    return Request(
        "ingest", "POST", model_path(job.model, under=job.role), b"\n".join(row.line for row in batch), headers
    )


def _note(answer: Answer | NoAnswer, batch: list[_Row], outcome: _Outcome) -> list[_Row]:
    """Note what became of a batch's rows; gives those of which nothing is known, or that are to be sent again."""
    body = answer.json() if isinstance(answer, Answer) and answer.status in (202, 422, 503) else {}
    if "event_ids" not in body:
        return batch
    is_busy = isinstance(answer, Answer) and answer.status == 503
    again = {e["index"] for e in body["errors"] if is_busy and e["event_id"] is not None}
    outcome.event_ids += body["event_ids"]
    outcome.refused += [
        RowError(batch[e["index"]].index, e["field"], e["reason"]) for e in body["errors"] if e["index"] not in again
    ]
    reason = "was refused; so many rows were that the platform did not say why: push it alone to hear it"
    outcome.refused += [RowError(batch[place].index, "", reason) for place in body.get("more_refused", ())]
    return [batch[place] for place in sorted(again)]


def _not_stored(answer: Answer | NoAnswer, left: list[_Row], next_row: int, outcome: _Outcome) -> ClientError:
    if isinstance(answer, NoAnswer):
        why: ClientError = unreached("ingest", answer)
    else:
        why = refusal(answer)
        if answer.status not in PASSING and not outcome.event_ids:
            return why  # nothing of it was ever taken
    rows, event_ids = [row.index for row in left], [row.event_id for row in left]
    return NotStored(outcome.pushed, rows, event_ids, next_row, str(why))
