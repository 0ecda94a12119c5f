"""A push sends, records how far it is, and continues there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.kafka.headers import TRACEPARENT, Headers, find
from tidemill.settings import CommonSettings
from tidemill.telemetry.traceparent import parse_traceparent
from tidemill_operations.push.checkpoint import Checkpoint, Progress, file_digest
from tidemill_operations.push.files.reading import read_chunks
from tidemill_operations.push.naming import Roles
from tidemill_operations.push.records import RecordMaker, RowOptions, TimeLine, parse_renames
from tidemill_operations.push.run import ErrorReport, Throttle, push
from tidemill_operations.push.sending import NotDelivered
from tidemill_operations.push.tracing import Tracing, Unkept, tracing_of

ROLES = Roles("event_id", "billed_at", "customer_id")
TIMES = TimeLine(datetime(2024, 1, 1, tzinfo=UTC), timedelta(minutes=10))


class Collecting:
    """A sender that keeps what it is given; it fails at the flush number `breaks_at`."""

    def __init__(self, breaks_at: int | None = None) -> None:
        self.records: list[tuple[bytes | None, bytes]] = []
        self.contexts: list[tuple[int, int, bool] | None] = []
        self.flushes = 0
        self._breaks_at = breaks_at

    def send(self, topic: str, keys: Sequence[bytes], values: Sequence[bytes], headers: Sequence[Headers]) -> None:
        assert len(keys) == len(values) == len(headers)
        self.records += zip(keys, values, strict=True)
        self.contexts += [parse_traceparent(find(one, TRACEPARENT)) for one in headers]

    def flush(self) -> None:
        self.flushes += 1
        if self.flushes == self._breaks_at:
            raise NotDelivered("the broker is away")


class Case:
    """One file, pushed as often as wanted."""

    def __init__(self, root: Path, folder: Path, rows: int) -> None:
        models = load_models(root / "models")
        self.schemas = SchemaCatalog.load(root / "schemas", models)
        self.codec = Codec(self.schemas)
        self.path = folder / "churn.csv"
        lines = [f"Two year,{number},{'x' if number == 3 else number * 1.5}" for number in range(rows)]
        self.path.write_text("\n".join(["contract,months,monthly_charges", *lines]) + "\n")
        self.checkpoint = Checkpoint(folder, file_digest(self.path), "churn-raw", "broker:9092")
        self.report = ErrorReport(folder / "errors.jsonl", fresh=True)

    def maker(self) -> RecordMaker:
        digest = file_digest(self.path)
        record = self.schemas.record("telecom-churn")
        options = RowOptions(renames=parse_renames(("months=tenure",)), times=TIMES, make_ids=True)
        return RecordMaker(self.codec, record, ROLES, digest, options)

    def push(self, sender: Collecting, tracing: Tracing | None = None) -> Progress:
        chunks = read_chunks(self.path, 2)
        return push(
            chunks,
            self.maker(),
            sender,
            "churn-raw",
            self.checkpoint,
            self.report,
            Throttle(None),
            tracing or Unkept(0.0),
            lambda p: None,
        )  # type: ignore[arg-type]

    def read(self, sender: Collecting) -> list[dict[str, object]]:
        record = self.schemas.record("telecom-churn")
        return [self.codec.decode_one(value, record) for _, value in sender.records]


@pytest.fixture
def case(root: Path, tmp_path: Path) -> Case:
    return Case(root, tmp_path, rows=7)


def test_rows_become_records_with_times_of_the_line_and_ids_of_the_file(case: Case) -> None:
    sender = Collecting()
    done = case.push(sender)
    records = case.read(sender)
    assert done == Progress(rows=7, sent=6, errors=1, done=True)
    assert [record["tenure"] for record in records] == [0, 1, 2, 4, 5, 6]
    step = 600_000
    first = int(TIMES.start.timestamp() * 1000)
    assert [record["billed_at"] for record in records] == [first + row * step for row in (0, 1, 2, 4, 5, 6)]
    assert len({record["event_id"] for record in records}) == 6


def test_a_row_without_entity_is_keyed_by_its_event_id(case: Case) -> None:
    sender = Collecting()
    case.push(sender)
    assert [key for key, _ in sender.records] == [str(r["event_id"]).encode() for r in case.read(sender)]


def test_a_row_that_does_not_fit_is_reported_with_its_line(case: Case) -> None:
    case.push(Collecting())
    (error,) = [json.loads(line) for line in case.report.path.read_text().splitlines()]
    assert error == {"line": 5, "field": "monthly_charges", "reason": "'x' is not a number"}


def test_a_push_that_broke_off_continues_behind_what_was_acknowledged(case: Case) -> None:
    broken = Collecting(breaks_at=3)
    with pytest.raises(NotDelivered):
        case.push(broken)
    assert case.checkpoint.load() == Progress(rows=4, sent=3, errors=1)
    second = Collecting()
    done = case.push(second)
    assert done == Progress(rows=7, sent=6, errors=1, done=True)
    assert [record["tenure"] for record in case.read(second)] == [4, 5, 6]


def test_the_same_row_has_the_same_id_in_every_push(case: Case) -> None:
    first, second = Collecting(), Collecting()
    case.push(first)
    case.checkpoint.forget()
    case.push(second)
    assert first.records == second.records


def test_a_damaged_checkpoint_is_said_and_not_guessed_around(case: Case) -> None:
    case.checkpoint.path.write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        case.checkpoint.load()


def test_columns_that_fill_no_field_and_fields_that_no_column_fills_are_known(case: Case) -> None:
    maker = RecordMaker(case.codec, case.schemas.record("telecom-churn"), ROLES, "digest")
    assert maker.unknown_columns(["contract", "colour", "customer_id"]) == ["colour"]
    assert maker.missing_fields(["contract"]) == ["billed_at"]


def test_a_label_without_its_own_entity_field_is_keyed_by_the_column_beside_it(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(
        "event_id,customer_id,left,event_time,observed_at\ne1,c9,yes,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z\n"
    )
    schema = case.schemas.label("telecom-churn")
    maker = RecordMaker(
        case.codec,
        schema,
        Roles("event_id", "event_time", "customer_id", labels=True),
        "d",
        RowOptions(renames={"left": "label"}),
    )
    (chunk,) = read_chunks(path, 10)
    encoded = maker.encode(chunk, 0)
    assert encoded.keys == [b"c9"]
    assert case.codec.decode_one(encoded.values[0], schema)["label"] is True


def test_a_throttle_waits_for_its_rate_before_rows_go_out_and_makes_up_for_nothing() -> None:
    now = [10.0]
    throttle = Throttle(100.0, lambda: now[0])
    assert (throttle.most(5_000), Throttle(0.5).most(7), Throttle(None).most(5_000)) == (10, 1, 5_000)
    assert throttle.wait_s(10) == 0.0
    assert throttle.wait_s(10) == pytest.approx(0.1)
    now[0] = 20.0
    assert throttle.wait_s(10) == 0.0
    assert throttle.wait_s(10) == pytest.approx(0.1)


def test_a_limited_push_never_sends_more_than_its_rate_and_goes_on_within_a_chunk(case: Case) -> None:
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    def limited(sender: Collecting, how: str) -> Progress:
        throttle, chunks = Throttle(2.0, lambda: now[0]), read_chunks(case.path, 5)
        return push(
            chunks, case.maker(), sender, "churn-raw", case.checkpoint, case.report, throttle, Unkept(0.0),
                lambda p: None, how,
            sleep,
        )  # type: ignore[arg-type]  # fmt: skip

    broken = Collecting(breaks_at=3)
    with pytest.raises(NotDelivered):
        limited(broken, "a")
    assert waits == [0.0, 0.5, 0.5]
    assert case.checkpoint.load() == Progress(rows=0, sent=2, within=2, how="a")
    second = Collecting()
    assert limited(second, "a") == Progress(rows=7, sent=6, errors=1, done=True)
    assert [record["tenure"] for record in case.read(second)] == [2, 4, 5, 6]


def test_a_chunk_that_was_begun_by_other_choices_begins_again(case: Case) -> None:
    case.checkpoint.save(Progress(rows=0, sent=1, within=1, how="a"))
    sender = Collecting()
    assert case.push(sender) == Progress(rows=7, sent=6, errors=1, done=True)
    assert len(sender.records) == 6


def test_a_time_line_is_start_and_step() -> None:
    line = TimeLine.parse("2024-01-01T00:00:00Z/10m")
    assert line == TIMES
    with pytest.raises(ValueError, match="no offset"):
        TimeLine.parse("2024-01-01T00:00:00/10m")
    with pytest.raises(ValueError, match="START/STEP"):
        TimeLine.parse("2024-01-01")


def test_a_rename_without_both_names_is_refused() -> None:
    assert parse_renames(("a=b", "c d=e")) == {"a": "b", "c d": "e"}
    with pytest.raises(ValueError, match="COLUMN=FIELD"):
        parse_renames(("a",))


def spans_in(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Spans by trace id and span id."""
    found = [json.loads(line) for path in folder.glob("push-*.jsonl") for line in path.read_text().splitlines()]
    return {(span["trace_id"], span["span_id"]): span for span in found}


@pytest.mark.parametrize("ratio", [1.0, 0.0])
def test_the_context_of_each_sampled_record_is_a_span_that_is_kept_and_linked_to_the_push(
    case: Case, tmp_path: Path, ratio: float
) -> None:
    sender, spans_dir = Collecting(), tmp_path / "spans"
    with tracing_of(CommonSettings(spans_dir=spans_dir, trace_ratio=ratio), "churn.csv", "churn-raw") as tracing:
        case.push(sender, tracing)
    spans = spans_in(spans_dir)
    (push_id, whole), *_ = [(key, span) for key, span in spans.items() if span["name"] == "push churn-raw"]
    assert len(spans) == 1 + (6 if ratio else 0) and whole["status"] != "ERROR"
    assert len({context[0] for context in sender.contexts if context}) == 6, "each has a trace of its own"
    for context in sender.contexts:
        assert context is not None and context[2] is bool(ratio)
        span = spans.get((f"{context[0]:032x}", f"{context[1]:016x}"))
        assert (span is not None) is bool(ratio)
        assert span is None or (span["name"] == "send churn-raw" and push_id[0] in json.dumps(span["links"]))


def test_of_a_push_that_is_broken_off_the_spans_are_kept_and_say_so(case: Case, tmp_path: Path) -> None:
    settings, sender = CommonSettings(spans_dir=tmp_path / "spans", trace_ratio=1.0), Collecting(breaks_at=2)
    with pytest.raises(NotDelivered), tracing_of(settings, "churn.csv", "churn-raw") as tracing:
        case.push(sender, tracing)
    kept = [json.dumps(span) for span in spans_in(tmp_path / "spans").values()]
    assert len(kept) == 1 + len(sender.records)
    assert sum("NotDelivered" in span for span in kept) == 1 + 1, "the push, and what the broker did not take"


def test_where_nobody_keeps_spans_contexts_go_with_the_records_all_the_same(case: Case) -> None:
    sender = Collecting()
    with tracing_of(CommonSettings(spans_dir=None, trace_ratio=1.0), "churn.csv", "churn-raw") as tracing:
        case.push(sender, tracing)
    assert all(context and context[2] for context in sender.contexts)
