from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.metric_values import value_of
from tests.support.models.toy_models import publish_toy
from tests.support.polling import until
from tests.unit.inference.fakes import FEATURE, MODEL, NOW_MS, SCHEMAS, event
from tests.unit.inference.model_cache.caches import COST, Shelves, ToyGraph
from tests.unit.inference.trial.trials import distances, trial_event
from tidemill.artifact import ArtifactError
from tidemill_inference import metrics
from tidemill_inference.model_cache.cache import taker
from tidemill_inference.model_cache.lazy_model import NotLoaded
from tidemill_inference.serving.serving import Serving

ROWS = {FEATURE: np.array([[100.0]], dtype=np.float32)}


def test_a_model_is_loaded_when_it_is_first_asked_and_then_kept() -> None:
    shelves = Shelves(models=2)
    model = shelves.take(3)
    assert (model.manifest.version, model.loaded, model.hold(), shelves.loads) == (3, False, None, [])
    assert model.score(ROWS) == pytest.approx([0.3])
    assert model.loaded
    assert model.score(ROWS) == pytest.approx([0.3])
    assert shelves.loads == [3]


def test_what_was_taken_is_told_to_be_fit_when_it_is_first_loaded_and_only_then() -> None:
    shelves = Shelves(models=1)
    one, two = shelves.take(1), shelves.take(2)
    assert shelves.fit == []
    shelves.error = OSError("away")
    with pytest.raises(NotLoaded):
        one.load()
    assert shelves.fit == []
    shelves.error, shelves.seconds = None, 60.0
    for model in (one, two, one, two):  # each lets the other go
        model.load()
    assert (shelves.fit, shelves.unfit, shelves.loads) == ([1, 2], [], [1, 1, 2, 1, 2])
    shelves.shelving.load(event(3)).load()
    assert shelves.fit == [1, 2]


def test_a_live_version_comes_loaded() -> None:
    shelves = Shelves(models=2)
    model = shelves.shelving.load(event(3))
    assert model.loaded
    assert model.score(ROWS) == pytest.approx([0.3])
    assert shelves.loads == [3]


def test_the_least_used_is_let_go_and_comes_back_when_it_is_asked() -> None:
    gone = value_of(metrics.MODELS_LET_GO.labels(MODEL))
    shelves = Shelves(models=2)
    one, two, three = (shelves.take(version) for version in (1, 2, 3))
    for model in (one, two, one, three):
        model.score(ROWS)
    assert [model.loaded for model in (one, two, three)] == [True, False, True]
    assert two.score(ROWS) == pytest.approx([0.2])
    assert [model.loaded for model in (one, two, three)] == [False, True, True]
    assert shelves.loads == [1, 2, 3, 2]
    assert value_of(metrics.MODELS_LET_GO.labels(MODEL)) - gone == 2


def test_what_is_held_is_not_loaded_again_though_it_was_let_go() -> None:
    shelves = Shelves(models=1)
    one, two = shelves.take(1), shelves.take(2)
    held = one.load()
    two.score(ROWS)
    assert one.loaded
    assert one.hold() is held
    assert shelves.loads == [1, 2]
    del held


def test_a_model_larger_than_the_limit_is_kept_alone_and_told() -> None:
    told = value_of(metrics.MODELS_OVER_LIMIT.labels(MODEL))
    shelves = Shelves(models=0)
    one, two = shelves.take(1), shelves.take(2)
    one.score(ROWS)
    two.score(ROWS)
    assert (one.loaded, two.loaded) == (False, True)
    assert value_of(metrics.MODELS_OVER_LIMIT.labels(MODEL)) - told == 2


def test_what_serves_no_more_leaves_the_shelf() -> None:
    shelves = Shelves(models=2)
    model = shelves.take(1)
    model.score(ROWS)
    assert value_of(metrics.MODELS_LOADED_BYTES) == COST
    del model
    gc.collect()
    assert value_of(metrics.MODELS_LOADED_BYTES) == 0


def test_many_who_ask_at_once_wait_for_one_load() -> None:
    shelves = Shelves(models=1)
    go = threading.Event()
    shelves.during_load = lambda: go.wait(5)
    model = shelves.take(1)
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(model.score, ROWS) for _ in range(8)]
        go.set()
        assert [future.result(5)[0] for future in asked] == pytest.approx([0.1] * 8)
    assert shelves.loads == [1]


def test_a_store_that_is_away_is_asked_again_after_growing_pauses() -> None:
    shelves = Shelves(models=1)
    shelves.error = OSError("away")
    model = shelves.take(1)
    asked_at = []
    while shelves.seconds < 8:
        before = len(shelves.loads)
        with pytest.raises(NotLoaded, match=f"version 1 of {MODEL} cannot be loaded now"):
            model.score(ROWS)
        if len(shelves.loads) > before:
            asked_at.append(shelves.seconds)
        shelves.seconds += 0.25
    assert asked_at == [0.0, 0.5, 1.5, 3.5, 7.5]
    assert shelves.unfit == []
    shelves.error = None
    shelves.seconds += 30
    assert model.score(ROWS) == pytest.approx([0.1])


def test_a_version_that_is_unfit_at_its_first_load_is_told_once_and_not_loaded_again() -> None:
    shelves = Shelves(models=1)
    shelves.error = ArtifactError("golden rows differ")
    model = shelves.take(1)
    for _ in range(3):
        with pytest.raises(NotLoaded) as caught:
            model.score(ROWS)
        assert 0 < caught.value.delay_s <= 30
        shelves.seconds += 100
    assert (shelves.loads, shelves.unfit) == ([1], [1])


def test_a_version_that_has_answered_is_not_unfit_when_its_artifact_is_damaged_later() -> None:
    shelves = Shelves(models=1)
    one, two = shelves.take(1), shelves.take(2)
    one.score(ROWS)
    two.score(ROWS)
    shelves.error = ArtifactError("model.onnx has another SHA-256")
    with pytest.raises(NotLoaded):
        one.score(ROWS)
    assert shelves.unfit == []
    shelves.error, shelves.seconds = None, 1.0
    assert one.score(ROWS) == pytest.approx([0.1])


def test_the_loads_of_one_model_do_not_wait_for_those_of_another_that_hangs() -> None:
    shelves = Shelves(models=2, longest_wait_s=0.01)
    go = threading.Event()
    shelves.during_load = lambda: go.wait(5) if shelves.loads[-1] == 1 else None
    one, two = shelves.take(1), shelves.take(2)
    with ThreadPoolExecutor(1) as threads:
        hangs = threads.submit(one.score, ROWS)
        until(lambda: shelves.loads, 5, "the load hangs")
        assert two.score(ROWS) == pytest.approx([0.2])
        go.set()
        assert hangs.result(5) == pytest.approx([0.1])


@given(
    room=st.integers(min_value=1, max_value=3),
    asked=st.lists(st.integers(min_value=1, max_value=5), min_size=1, max_size=40),
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_asked_in_whatever_order_the_answers_are_right_within_the_limit(
    room: int, asked: list[int]
) -> None:
    shelves = Shelves(models=room)
    models = {version: shelves.take(version) for version in range(1, 6)}
    for version in asked:
        assert models[version].score(ROWS)[0] == pytest.approx(0.1 * version)
        assert value_of(metrics.MODELS_LOADED_BYTES) <= room * COST
    recent = list(dict.fromkeys(reversed(asked)))[:room]
    assert {version for version, model in models.items() if model.loaded} == set(recent)


def test_during_a_trial_both_models_are_held_and_a_challenger_that_cannot_be_loaded_is_not_asked() -> None:
    shelves = Shelves(models=1)
    champion, challenger = shelves.take(1), shelves.take(2)
    serving = Serving(trial_event(7, share=1.0), champion, NOW_MS, challenger)
    assert serving.hold() is None
    assert len(serving.load()) == 2
    shelves.take(3).score(ROWS)
    champion.score(ROWS)
    shelves.error = OSError("away")
    held = serving.load()
    assert len(held) == 1
    predictions = serving.predict(distances(100.0), [b"k"])
    assert predictions.versions == [1]
    assert predictions.both is not None
    predictions.both.complete()
    assert not predictions.both.challenger.asked.any()


def test_what_is_taken_unloaded_is_held_against_its_digest_and_its_event(tmp_path: Path) -> None:
    published = publish_toy(tmp_path.as_uri(), MODEL, 1, feature=FEATURE, start_offsets=(0,), golden_shift=1.0)
    take = taker(SCHEMAS, {MODEL: "binary"})
    assert take(published).version == 1  # its golden rows are looked at when it is loaded
    with pytest.raises(ArtifactError, match="SHA-256"):
        take(replace(published, champion=replace(published.champion, manifest_digest="0" * 64)))
    with pytest.raises(ArtifactError, match="manifest is of"):
        take(replace(published, champion=replace(published.champion, version=2)))


def test_a_toy_graph_weighs_its_file() -> None:
    model = Shelves(models=1).shelving.load(event(1))
    assert model.loaded
    assert value_of(metrics.MODELS_LOADED_BYTES) == ToyGraph.graph_bytes
