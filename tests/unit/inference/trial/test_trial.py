"""Both arms of a trial: who answers, what the other one said, and what is counted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.inference.fakes import MODEL, NOW_MS, ROUTE, SCHEMAS, ToyModel, clean_values, codec, event
from tests.unit.inference.stream.test_process import CLEAN, batch, decoded
from tests.unit.inference.trial.trials import Failing, distances, trial, trial_event, trial_predictor
from tidemill.artifact import FeatureColumn, Manifest
from tidemill.contracts.events.platform import ModelVersion
from tidemill.contracts.events.trials import ArmReport
from tidemill_inference.predictions.columns import prediction_rows
from tidemill_inference.predictions.trial_reports import ReportWriter
from tidemill_inference.predictions.trial_tally import ArmTally
from tidemill_inference.serving.scorer import Scorer
from tidemill_inference.serving.serving import Predictor, Serving
from tidemill_inference.stream.process import StreamProcess
from tidemill_inference.versions.offers import Offer
from tidemill_inference.versions.swapper import Swapper

KEYS = [f"k{n}".encode() for n in range(200)]
ROWS = distances(*[float(n % 100) for n in range(200)])


def test_each_row_is_answered_by_the_arm_of_its_key() -> None:
    found = trial(0.3).predict(ROWS, KEYS)
    assert found.both is not None
    challenged = found.both.challenged
    assert 20 < challenged.sum() < 100
    base = np.array([n % 100 for n in range(200)]) / 1_000
    assert found.scores == pytest.approx(np.where(challenged, 2 * base, base), abs=1e-6)
    assert set(found.versions) == {1, 2} and found.version_name == "1,2"


def test_a_request_asks_one_arm_at_once_and_the_other_later() -> None:
    found = trial(0.0).predict(ROWS, KEYS)
    assert found.both is not None and not found.both.challenger.asked.any()
    assert found.version_name == "1"
    found.both.complete()
    scores, said = found.both.others
    assert said.all() and scores == pytest.approx(np.minimum(2 * found.scores, 1))


@pytest.mark.parametrize("challenger", [Failing(2, nothing_above=49), Failing(2, breaks_above=49)])
def test_where_the_challenger_has_no_answer_the_champion_answers(challenger: Failing) -> None:
    found = trial(1.0, challenger).predict(ROWS, KEYS)
    assert found.both is not None and np.isfinite(found.scores).all()
    assert found.both.champion.asked.sum() >= 100
    tally = ArmTally("rest", {MODEL: 0.5})
    tally.add(found)
    (report,) = tally.take(NOW_MS)
    assert report.challenger_calls.failed >= 100 and report.champion_calls.failed == 0
    assert report.champion_calls.answered + report.challenger_calls.answered == 200


def test_without_a_trial_or_without_keys_the_champion_answers_all() -> None:
    assert Serving(event(1), ToyModel(1), NOW_MS).predict(ROWS, KEYS).both is None
    assert trial(1.0).predict(ROWS).versions == [1] * 200


def test_classes_that_one_arm_alone_knows_have_probability_0_with_the_other() -> None:
    def manifest(version: int, *classes: str) -> Manifest:
        columns = (FeatureColumn("distance", "number"),)
        return Manifest(
            model=MODEL, version=version, task="multiclass", output="p", features=columns, classes=classes
        )  # fmt: skip

    class Certain(ToyModel):
        def score(self, inputs: object) -> np.ndarray:  # type: ignore[override]
            return np.tile([0.25, 0.75], (4, 1))

    old, new = Certain(1, manifest(1, "a", "b")), Certain(2, manifest(2, "b", "c"))
    serving = Serving(trial_event(3, 1.0), old, NOW_MS, new)
    assert serving.classes == ("a", "b", "c")
    found = serving.predict(distances(1, 2, 3, 4), KEYS[:4])
    assert found.scores[0].tolist() == [0.0, 0.25, 0.75]
    assert found.both is not None
    found.both.complete()
    rows = prediction_rows(
        found, prediction_ids=["p"] * 4, event_ids=pa.array(["e"] * 4), source="rest", predicted_at_ms=NOW_MS,
        event_times=pa.array([NOW_MS] * 4, pa.timestamp("ms", tz="UTC")),
    )  # fmt: skip
    schema = SCHEMAS.platform("prediction-multiclass")
    back = codec().decode(codec().encode(rows, schema), schema).rows.to_pylist()[0]
    assert (back["label"], back["other_label"], back["version"], back["other_version"]) == ("c", "b", 2, 1)
    assert dict(back["other_probabilities"]) == {"a": 0.25, "b": 0.75, "c": 0.0}


def process(share: float, challenger: ToyModel | None = None, tally: ArmTally | None = None) -> StreamProcess:
    tally = tally or ArmTally("stream", {MODEL: 0.5})
    writer = ReportWriter(tally, codec(), SCHEMAS.for_topic("arm_reports"), "reports")
    predictor = trial_predictor(share, challenger)
    return StreamProcess({CLEAN: ROUTE}, {MODEL: predictor}, codec(), lambda: NOW_MS, writer)


def test_every_prediction_of_the_stream_has_both_arms_and_a_report_goes_with_them() -> None:
    outputs = process(0.5)([batch(list(clean_values([float(n) for n in range(60)])))])
    rows = decoded(outputs[0])
    assert {row["arm"] for row in rows} == {"champion", "challenger"}
    for row in rows:
        doubled = row["arm"] == "challenger"
        assert (row["version"], row["other_version"]) == ((2, 1) if doubled else (1, 2))
        low, high = sorted((float(str(row["probability"])), float(str(row["other_probability"]))))
        assert high == pytest.approx(2 * low, abs=1e-6)
    report = ArmReport.from_dict(codec().decode_one(outputs[1].values[0], SCHEMAS.for_topic("arm_reports")))
    assert (report.epoch, report.champion, report.challenger, report.source) == (7, 1, 2, "stream")
    assert report.challenger_calls.rows == report.champion_calls.rows == 60
    assert report.challenger_calls.answered == sum(row["arm"] == "challenger" for row in rows)
    assert sum(report.champion_scores) == sum(report.challenger_scores) == 60


def test_where_the_other_arm_failed_its_answer_is_null() -> None:
    outputs = process(0.0, Failing(2, nothing_above=30))([batch(list(clean_values([10.0, 40.0])))])
    assert [row["other_probability"] for row in decoded(outputs[0])] == [pytest.approx(0.02, abs=1e-6), None]


def test_what_a_failed_call_counted_is_forgotten() -> None:
    tally = ArmTally("stream", {MODEL: 0.5})
    working = process(0.5, tally=tally)
    tally.add(trial(0.5).predict(ROWS, KEYS))
    outputs = working([batch(list(clean_values([1.0])))])
    report = codec().decode_one(outputs[1].values[0], SCHEMAS.for_topic("arm_reports"))
    assert report["champion_calls"]["rows"] == 1


def test_a_slow_arm_is_counted() -> None:
    tally = ArmTally("rest", {MODEL: 0.0})
    tally.add(trial(1.0).predict(distances(1), KEYS[:1]))
    (report,) = tally.take(NOW_MS)
    assert (report.challenger_calls.calls, report.challenger_calls.slow) == (1, 1)
    assert report.champion_calls.calls == 0 and tally.take(NOW_MS) == []


class Loads:
    """A swapper that counts what is loaded."""

    def __init__(self) -> None:
        self.loaded: list[int] = []
        self.predictor = Predictor(MODEL)
        self.swapper = Swapper(self.predictor, self._load, lambda: NOW_MS, lambda: 0.0)

    def _load(self, wanted: ModelVersion) -> Scorer:
        self.loaded.append(wanted.champion.version)
        return ToyModel(wanted.champion.version)

    def see(self, published: ModelVersion) -> None:
        self.swapper.offer(Offer(published, NOW_MS, True))
        self.swapper.step()


def test_a_trial_loads_the_challenger_once_and_its_end_loads_nothing() -> None:
    loads = Loads()
    loads.see(event(1, 1))
    for epoch, share in ((2, 0.05), (3, 0.5), (4, 1.0)):
        loads.see(trial_event(epoch, share))
    assert loads.predictor.current().challenger is not None
    loads.see(event(5, 2))
    assert loads.loaded == [1, 2]
    assert (loads.predictor.current().version, loads.predictor.current().challenger) == (2, None)


EVENTS = [event(1, 1), trial_event(2, 0.05), trial_event(3, 0.5), event(4, 1), trial_event(5, 1.0, 1, 3), event(6, 3)]


@given(st.lists(st.sampled_from(EVENTS), max_size=20))
def test_whatever_is_replayed_no_worker_goes_back_an_epoch_and_arms_are_those_of_the_epoch(
    seen: list[ModelVersion],
) -> None:
    """Events reordered, doubled and cut short."""
    loads = Loads()
    epochs: list[int] = []
    for published in seen:
        loads.see(published)
        now = loads.predictor.current()
        epochs.append(now.epoch)
        assert now.model.manifest.version == now.event.champion.version
        challenger = now.challenger.manifest.version if now.challenger else None
        assert challenger == (now.event.challenger.version if now.event.challenger else None)
    assert epochs == sorted(epochs)
    assert max(epochs, default=0) == max((published.epoch for published in seen), default=0)
