"""Features that move only together are found; what each does alone, and what varies by itself, is not taken for it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from tests.unit.learning.drift.streams import model, published, reference
from tidemill.contracts.events.platform import DriftEvent, RetrainRequest
from tidemill.contracts.events.profiles import Profile
from tidemill_learning.drift.detection.detector import Detector
from tidemill_learning.drift.detection.together import TURNED, pairs
from tidemill_learning.drift.profiling.partition import PartitionProfiler
from tidemill_learning.drift.profiling.together import KEPT, RowSample, rank_correlations
from tidemill_learning.drift.profiling.together_reference import together_reference
from tidemill_learning.drift.report.picture import Picture

HOUR = 3_600_000


def rows(count: int, seed: int, *, turned: bool = False, alone: bool = False, season: bool = False) -> pa.Table:
    """A number `x` that goes with a category `c`; `turned`: against it, each as before; `alone`: x is another one;
    `season`: x goes with the hour.
    """
    rng = np.random.default_rng(seed)
    hidden, noise = rng.normal(size=(2, count))
    x = hidden + 0.5 * noise
    late = (-hidden if turned else hidden) + 0.5 * rng.normal(size=count) > 0.5
    if season:
        x = x + np.sin(np.arange(count) / count * 2 * np.pi)
    return pa.table({"x": np.exp(3 * x + 5) if alone else 100 + 5 * x, "c": np.where(late, "b", "a")})


def told(table: pa.Table) -> Any:
    found = rank_correlations(table, ["x"], ["c"])
    assert found is not None
    return found


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000), st.lists(st.integers(1, 900), min_size=1, max_size=6), st.randoms())
def test_the_sample_of_a_window_does_not_depend_on_batches_or_their_order(
    seed: int, cuts: list[int], random: Any
) -> None:
    table, offsets = rows(2_500, seed), np.arange(2_500) + seed
    places = [0, *np.minimum(np.cumsum(cuts), 2_500).tolist(), 2_500]
    parts = list(pairwise(places))
    random.shuffle(parts)
    whole, cut = RowSample(), RowSample()
    whole.add(offsets, table)
    for begin, end in parts:
        cut.add(offsets[begin:end], table.slice(begin, end - begin))
    assert whole.rows.num_rows == KEPT
    assert told(cut.rows) == told(whole.rows)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=30, max_size=60))
def test_correlations_are_spearmans_where_values_are_equal_too(values: list[tuple[int, int]]) -> None:
    one, other = np.array(values, dtype=float).T
    found = rank_correlations(pa.table({"one": one, "other": other}), ["one", "other"], [])
    if found is None:
        assert len(set(one)) == 1 or len(set(other)) == 1
        return
    assert found.correlations[0] / 10_000 == pytest.approx(spearmanr(one, other).statistic, abs=1e-4)


def test_what_turned_is_found_and_what_a_feature_does_alone_is_not_told_a_second_time() -> None:
    known = {"together": together_reference(rows(8_000, 1), ["x"], ["c"])}
    (turned,) = pairs(known, [told(rows(1_000, 2, turned=True)).to_dict()])
    assert turned.turned and turned.then > 0.5 and turned.now < -0.5
    (alone,) = pairs(known, [told(rows(1_000, 3, alone=True)).to_dict()])
    assert not alone.turned and alone.beyond < TURNED / 2


@pytest.mark.parametrize("season", [False, True])
def test_windows_of_the_same_world_turn_nothing(season: bool) -> None:
    parts = [rows(1_000, seed, season=season and bool(seed % 2)) for seed in range(20)]
    known = {"together": together_reference(pa.concat_tables(parts), ["x"], ["c"])}
    windows = [rows(400, 100 + seed, season=season and bool(seed % 2)) for seed in range(60)]
    assert [pair for one in windows for pair in pairs(known, [told(one).to_dict()]) if pair.turned] == []


def profiles(count: int, *, turned: bool) -> list[Profile]:
    """Of one partition, windows of 500 rows of one world, then as many of another."""
    reading, found = PartitionProfiler(model(window=500), 0, {"clean": "c", "predictions": "p", "labels": "l"}), []
    calm = rows(count, 4)
    for table, first in ((calm, 0), (rows(count, 5, turned=turned), count)):
        at = np.arange(first, first + count)
        given = {"event_id": [str(n) for n in at], "at": at * HOUR // 20, "x": table["x"], "c": table["c"]}
        batch = pa.table(given).combine_chunks().to_batches()[0]
        found += reading.clean(at, np.full(count, 2**50), batch)
    return found


@pytest.mark.parametrize("turned", [False, True])
def test_a_stream_in_which_only_the_correlation_turns_is_told_once_with_the_pair_and_asks_for_nothing(
    turned: bool,
) -> None:
    learned = rows(8_000, 6)
    x, c = learned["x"].to_numpy(), learned["c"].to_pylist()
    document = reference()
    document["features"]["x"] |= {"quantiles": np.quantile(x, np.linspace(0, 1, 101)).tolist()}
    document["features"]["c"] |= {"counts": {"a": c.count("a"), "b": c.count("b")}}
    document["together"] = together_reference(learned, ["x"], ["c"])
    detector, picture, outcomes = Detector(model(window=500), "c"), Picture(document, 1, 2), []
    detector.set_champion(published(partitions=1), document)
    for one in profiles(2_000, turned=turned):
        detector = Detector(model(window=500), "c", detector.to_bytes())
        detector.set_champion(published(partitions=1), document)
        outcomes += detector.apply(one, 0)
        picture.add(one)
    events = [one for one in outcomes if isinstance(one, DriftEvent)]
    assert [(one.detector, one.kind) for one in events] == ([("rank-correlation", "feature")] if turned else [])
    assert all("x and c: rank correlation -0." in one.detail for one in events)
    assert not [one for one in outcomes if isinstance(one, RetrainRequest)]
    stream = picture.sources["stream"]
    assert [pair.turned for pair in stream.together] == [turned]
    assert {shift.level for shift in stream.features} == {"steady"}


def test_profiles_and_references_from_before_it_say_nothing() -> None:
    detector, outcomes = Detector(model(window=500), "c"), []
    detector.set_champion(published(partitions=1), reference())
    for one in profiles(1_000, turned=True):
        outcomes += detector.apply(replace(one, together=None), 0)
    assert not [one for one in outcomes if getattr(one, "detector", "") == "rank-correlation"]
    assert Picture(reference(), 1, 2).sources["stream"].together == []
