from __future__ import annotations

import pytest

from tests.unit.inference.fakes import FEATURE, MODEL, NOW_MS, ToyModel, endpoint, event, warm_predictor
from tidemill_inference.predictions.records import RowRecords
from tidemill_inference.rest.dataplane import InvalidInstances
from tidemill_inference.serving.serving import NoVersion, Predictor, Serving


def test_an_instance_gets_a_typed_answer_with_its_version() -> None:
    answered = endpoint(warm_predictor(2)).predict([{"event_id": "mine", FEATURE: 100}])
    (answer,) = answered.answers
    assert answer["probability"] == pytest.approx(0.2, abs=1e-6)
    assert {name: answer[name] for name in ("event_id", "model", "version", "epoch")} == {
        "event_id": "mine",
        "model": MODEL,
        "version": 2,
        "epoch": 2,
    }
    assert answer["prediction_id"] == answered.prediction_ids[0]


def test_without_an_event_id_it_is_the_prediction_id_and_without_a_time_it_is_now() -> None:
    answered = endpoint(warm_predictor()).predict([{FEATURE: 1.0}, {FEATURE: 2.0}])
    assert [answer["event_id"] for answer in answered.answers] == answered.prediction_ids
    assert answered.records.times("scheduled_at").cast("int64").to_pylist() == [NOW_MS, NOW_MS]


def test_every_wrong_field_of_every_instance_is_named() -> None:
    instances = [{FEATURE: 1.0}, {FEATURE: "far", "carier": "AA"}, 5, {FEATURE: 1.0, "scheduled_at": "soon"}]
    with pytest.raises(InvalidInstances) as caught:
        endpoint(warm_predictor()).predict(instances)
    assert [(error.index, error.field) for error in caught.value.errors] == [
        (1, FEATURE),
        (1, "carier"),
        (2, ""),
        (3, "scheduled_at"),
    ]
    assert "carrier" in caught.value.errors[1].reason


def test_a_row_for_which_the_model_gives_no_number_is_refused_by_its_index() -> None:
    with pytest.raises(InvalidInstances) as caught:
        endpoint(warm_predictor()).predict([{FEATURE: 1.0}, {FEATURE: None}])
    assert [error.index for error in caught.value.errors] == [1]


def test_before_the_first_version_there_is_no_answer() -> None:
    with pytest.raises(NoVersion):
        endpoint(Predictor(MODEL)).predict([{FEATURE: 1.0}])


def test_a_key_is_the_entity_or_else_the_event_id() -> None:
    one = endpoint(warm_predictor())
    data = [{"tail_number": "N7", "event_id": "e"}, {"tail_number": None, "event_id": "e"}]
    assert one.keys(RowRecords(data)) == [b"N7", b"e"]


def test_a_request_that_began_with_the_old_version_ends_with_it() -> None:
    predictor = warm_predictor(1)

    class SwapsMeanwhile(ToyModel):
        def score(self, inputs):  # type: ignore[no-untyped-def]
            predictor.switch(Serving(event(3), ToyModel(3), NOW_MS), NOW_MS, live=True)
            return super().score(inputs)

    predictor.switch(Serving(event(2), SwapsMeanwhile(2), NOW_MS), NOW_MS, live=True)
    one = endpoint(predictor)
    during = one.predict([{FEATURE: 100.0}]).answers[0]
    after = one.predict([{FEATURE: 100.0}]).answers[0]
    assert (during["version"], during["probability"]) == (2, pytest.approx(0.2, abs=1e-6))
    assert (after["version"], after["probability"]) == (3, pytest.approx(0.3, abs=1e-6))
