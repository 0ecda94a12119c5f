"""From profiles to what drift looks like: once each, in any order, the stream and REST apart."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.drift_profiles import MINUTE_MS, REFERENCE, answers, features, scores
from tidemill.contracts.events.profiles import ErrorProfile, Profile
from tidemill.stats.score_bins import bin_counts
from tidemill_learning.drift.detection.quality import Totals
from tidemill_learning.drift.labels.error_bins import binary, regression
from tidemill_learning.drift.labels.error_bins import buckets as summed
from tidemill_learning.drift.report.picture import Picture
from tidemill_learning.drift.report.promises import promise

CALM = [features(k, partition=p) for k in range(3) for p in (0, 1)]
LATER = [features(k, moved=True, partition=p) for k in (3, 4) for p in (0, 1)]
ALL = [*CALM, *LATER, *map(scores, range(5)), *(answers(k, worse=k > 2) for k in range(5)), features(0, rest=True)]


def picture_of(profiles: list[Profile], width: int = 2) -> Picture:
    picture = Picture(REFERENCE, version=1, width=width)
    for one in profiles:
        picture.add(one)
    return picture


def told(picture: Picture) -> dict[str, object]:
    stream = picture.sources["stream"]
    shift, kept = stream.scores, stream.promise
    assert shift is not None and kept is not None
    return {
        "now": stream.now, "features": [asdict(one) for one in stream.features], "courses": stream.courses,
        "scores": asdict(shift), "labels": kept.labels, "found": kept.found, "points": stream.calibration,
        "slots": [(slot.from_ms, slot.value.count, slot.value.summary) for slot in stream.score_course],
    }  # fmt: skip


@settings(max_examples=15)
@given(st.randoms(use_true_random=False))
def test_the_order_of_profiles_and_repeats_make_no_difference(random: object) -> None:
    doubled = [*ALL, *ALL]
    random.shuffle(doubled)  # type: ignore[attr-defined]
    assert told(picture_of(doubled)) == told(picture_of(ALL))


def test_now_are_the_newest_windows_and_as_many_as_asked_for() -> None:
    stream = picture_of(ALL).sources["stream"]
    assert stream.now is not None and (stream.now.windows, stream.now.records) == (2, 1_000)
    assert stream.now.from_ms == 40 * MINUTE_MS
    assert [shift.level for shift in stream.features] == ["shifted", "shifted"]
    wide = picture_of(ALL, width=10).sources["stream"].now
    assert wide is not None and (wide.windows, wide.from_ms) == (10, 0)


def test_the_course_of_psi_shows_when_a_feature_moved() -> None:
    course = picture_of(ALL).sources["stream"].courses["region"]
    before, after = (
        [psi for at, psi in course if at <= 30 * MINUTE_MS],
        [psi for at, psi in course if at > 30 * MINUTE_MS],
    )
    assert len(before) == 3 and max(before) < 0.05
    assert len(after) == 2 and min(after) > 0.5


def test_what_rest_clients_ask_is_told_apart() -> None:
    picture = picture_of([*CALM, features(9, moved=True, rest=True)])
    assert [shift.level for shift in picture.sources["stream"].features] == ["steady", "steady"]
    assert [shift.level for shift in picture.sources["rest"].features] == ["shifted", "shifted"]
    assert picture_of(CALM).sources["rest"].is_empty


def test_a_seal_and_another_versions_scores_are_not_now() -> None:
    picture = picture_of([scores(1, version=2)])
    sealed = Profile(**{**{name: getattr(CALM[0], name) for name in Profile.__dataclass_fields__}, "sealed": True})
    assert picture.add(sealed) is False
    stream = picture.sources["stream"]
    assert stream.scores is None and len(stream.score_course) == 1


def test_a_calibrated_models_promise_is_kept_and_one_of_a_world_that_changed_is_not() -> None:
    kept = picture_of([answers(k) for k in range(6)]).sources["stream"]
    assert kept.promise is not None
    assert kept.promise.found["accuracy"] == pytest.approx(kept.promise.expected["accuracy"], abs=0.03)
    assert sum(one.low <= one.expected <= one.high for one in kept.calibration) >= 8
    broken = picture_of([answers(k, worse=True) for k in range(6)]).sources["stream"].promise
    assert broken is not None and broken.expected["accuracy"] - broken.found["accuracy"] > 0.15


def test_a_version_that_decides_at_another_threshold_promises_for_it() -> None:
    rng = np.random.default_rng(11)
    p = rng.uniform(0.05, 0.95, 8_000)
    labels = rng.random(len(p)) < p
    told = binary(labels.tolist(), p.tolist(), list(range(len(p))), (p >= 0.2).tolist())
    error = ErrorProfile(
        source="stream", version=1, arm="champion", count=len(p), buckets=tuple(summed(told)),
        positives=tuple(bin_counts(p[labels]).tolist()), negatives=tuple(bin_counts(p[~labels]).tolist()),
    )  # fmt: skip
    kept, wrong = promise(Totals([error]), threshold=0.2), promise(Totals([error]))
    assert kept is not None and wrong is not None
    assert kept.expected["accuracy"] == pytest.approx(kept.found["accuracy"], abs=0.015)
    assert wrong.expected["accuracy"] - wrong.found["accuracy"] > 0.05


def test_values_promise_nothing_and_corrections_alone_neither() -> None:
    values = summed(regression([1.0, 2.0], [1.5, 1.5], [1, 2]))
    assert (
        promise(Totals([ErrorProfile(source="stream", version=1, arm="champion", count=2, buckets=tuple(values))]))
        is None
    )
    assert promise(Totals(())) is None


def test_totals_add_up_to_those_of_all_errors() -> None:
    errors = [one for k in range(4) for one in answers(k).errors]
    halves = Totals(errors[:2]) + Totals(errors[2:])
    whole = Totals(errors)
    assert halves.count == whole.count and halves.sums == pytest.approx(whole.sums)
    assert np.array_equal(halves.positives, whole.positives) and halves.auc == whole.auc
