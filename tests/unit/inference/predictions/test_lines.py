from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.inference.fakes import FEATURE, MODEL, NOW_MS, PRIVACY_KEY
from tests.unit.inference.rest_app import shipped_endpoints
from tidemill.contracts.model_file import PrivacyRule
from tidemill.telemetry.logs import JsonFormatter
from tidemill_inference.entrypoints.serve import log_into, prediction_lines
from tidemill_inference.predictions.entry import Entry
from tidemill_inference.predictions.lines import LOGGER, PredictionLines
from tidemill_inference.predictions.records import RequestContext
from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_inference.rest.request_checks import RecordRules
from tidemill_inference.settings import ServeSettings

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
SECRET = "N14228"


class Log:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def put(self, entry: Entry) -> bool:
        self.entries.append(entry)
        return True


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Any:
    """The lines of some entries, as they are in the log."""

    def written(writer: PredictionLines, *entries: Entry) -> list[dict[str, Any]]:
        caplog.clear()
        with writer:
            for entry in entries:
                writer.put(entry, len(entry.answered))
        records = [record for record in caplog.records if record.name == LOGGER]
        return [json.loads(JsonFormatter("serve").format(record)) for record in records]

    return written


def one_endpoint(**privacy: PrivacyRule) -> ModelEndpoint:
    """Of a model that always has an answer."""
    one = shipped_endpoints([MODEL])[MODEL]
    spec = replace(one.spec, expectations=(), privacy=privacy)
    rules = RecordRules(spec, one.record, privacy_key=PRIVACY_KEY)
    return ModelEndpoint(one.spec, one.record, one.columns, one.predictor, lambda: NOW_MS, rules)


def entry(*distances: float, **privacy: PrivacyRule) -> Entry:
    one = one_endpoint(**privacy)
    instances = [
        {"event_id": f"e{d}", "tail_number": SECRET, "carrier": SECRET, "dest": SECRET, FEATURE: d} for d in distances
    ]
    return Entry(one, one.predict(instances), [RequestContext(TRACE, "key:1")] * len(distances))


def test_a_line_has_ids_version_answer_caller_and_trace_and_nothing_of_the_input(told: Any) -> None:
    one = entry(250.0, 500.0)
    first, second = told(PredictionLines(), one)
    answer = one.answered.answers[0]
    assert first.pop("ts") == "2023-11-14T22:13:20.000+00:00"
    assert first == {
        "level": "INFO", "service": "serve", "logger": "tidemill.predictions", "message": "prediction",
        "trace_id": TRACE[3:35].decode(), "model_version": f"{MODEL}:{answer['version']}", "source": "rest",
        "caller": "key:1", **answer,
    }  # fmt: skip
    assert (first["event_id"], second["event_id"]) == ("e250.0", "e500.0")
    assert SECRET not in json.dumps([first, second])


def test_with_features_they_stand_as_the_privacy_rules_leave_them(told: Any) -> None:
    (shown,) = told(PredictionLines(features=True), entry(250.0))
    assert (shown["features"][FEATURE], shown["features"]["carrier"]) == (250.0, SECRET)
    rules = {"carrier": PrivacyRule("hash"), "dest": PrivacyRule("drop"), "tail_number": PrivacyRule("hash")}
    (hidden,) = told(PredictionLines(features=True), entry(250.0, **rules))
    assert (hidden["features"][FEATURE], hidden["features"]["dest"]) == (250.0, None)
    assert len(hidden["features"]["carrier"]) > len(SECRET)
    assert SECRET not in json.dumps(hidden)


def test_a_number_that_is_missing_in_a_column_is_null_in_its_line(told: Any) -> None:
    one = one_endpoint()
    answered = one.predict_columns(pa.record_batch({FEATURE: pa.array([1.0, None, float("nan")])}))
    lines = told(PredictionLines(features=True), Entry(one, answered, [RequestContext(TRACE)] * 3))
    assert [line["features"][FEATURE] for line in lines] == [1.0, None, None]
    assert [line["caller"] for line in lines] == [None] * 3


@pytest.mark.parametrize("log", ["on", "off"])
@pytest.mark.parametrize("wanted", ["off", "ids", "features"])
def test_lines_are_written_where_they_are_asked_for_whether_predictions_are_logged_or_not(
    told: Any, log: Any, wanted: Any
) -> None:
    settings = ServeSettings(prediction_log=log, prediction_lines=wanted)
    writer, kept, one = prediction_lines(settings), Log(), entry(1.0, 2.0)
    log_into(kept, settings, writer)(one.endpoint, one.answered, one.contexts)  # type: ignore[arg-type]
    assert len(kept.entries) == (log == "on")
    assert len(told(writer) if writer is not None else []) == (0 if wanted == "off" else 2)
    assert ServeSettings().prediction_lines == "off"
