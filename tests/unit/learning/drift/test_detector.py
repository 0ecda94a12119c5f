"""The state machine: what follows from profiles, and that a restart changes nothing of it."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.learning.drift.streams import logs, model, profiles_of, published, reference
from tidemill.contracts.events.platform import DriftEvent, ModelPerformance, OffsetRange, RetrainRequest
from tidemill.contracts.events.profiles import FeatureProfile, Profile
from tidemill.errors import FatalError
from tidemill_learning.drift.detection.detector import Detector, Outcome

PARTITIONS = 2


def stream(spec: Any, *parts: dict[str, Any]) -> list[Profile]:
    """Profiles of two partitions whose parts follow each other, in the order in which they end."""
    found = []
    for partition in range(PARTITIONS):
        made = logs(0)
        first = 0
        for part in parts:
            more = logs(partition=partition, first=first, **part)
            offset = len(made.rows["labels"])
            made.rows["clean"] += more.rows["clean"]
            made.rows["predictions"] += more.rows["predictions"]
            made.rows["labels"] += [(offset + n, row) for n, (_, row) in enumerate(more.rows["labels"])]
            first += part["count"]
        found += profiles_of(spec, made, partition)
    return sorted(found, key=lambda p: (p.ended_at, p.partition))


def run(spec: Any, profiles: list[Profile], restart: bool = False) -> list[Outcome]:
    detector = Detector(spec, "c")
    detector.set_champion(published(), reference())
    outcomes: list[Outcome] = []
    for profile in profiles:
        if restart:
            detector = Detector(spec, "c", detector.to_bytes())
            detector.set_champion(published(), reference())
        outcomes += detector.apply(profile, 1_000)
    return outcomes


def of(kind: type[Any], outcomes: list[Outcome]) -> list[Any]:
    return [outcome for outcome in outcomes if isinstance(outcome, kind)]


def scores_move(count: int = 4_000) -> tuple[Any, list[Profile]]:
    """A model of which labels are not watched, and profiles of scores that move from window 5 on."""
    spec = model(window=200, watch=("features", "predictions"))
    profiles = [
        replace(one, scores=tuple(replace(score, bins=score.bins[30:] + score.bins[:30]) for score in one.scores))
        if one.window >= 5
        else one
        for one in stream(spec, {**CALM, "count": count})
    ]
    return spec, profiles


CALM, WORSE = {"count": 2_000, "seed": 1}, {"count": 2_000, "seed": 2, "worse": 0.3}


def test_a_calm_stream_is_measured_and_nothing_is_asked_for() -> None:
    spec = model(window=200)
    outcomes = run(spec, stream(spec, {**CALM, "count": 4_000}))
    assert not of(RetrainRequest, outcomes)
    assert not of(DriftEvent, outcomes)
    performance = of(ModelPerformance, outcomes)
    assert [p.window for p in performance] == list(range(len(performance)))
    assert len(performance) > 12
    assert {p.labels for p in performance} == {400}
    assert {len(p.offsets) for p in performance} == {PARTITIONS}


def test_a_worse_stream_gives_events_and_no_request_for_labels_ask_by_themselves() -> None:
    spec = model(window=200)
    outcomes = run(spec, stream(spec, CALM, {**WORSE, "count": 4_000}))
    event = of(DriftEvent, outcomes)[0]
    assert (event.kind, event.version, event.statistic > event.threshold) == ("quality", 1, True)
    assert of(RetrainRequest, outcomes) == []


@pytest.mark.parametrize("on", [("drift", "quality"), ("quality",), ("drift",)])
@pytest.mark.parametrize("watch", [("quality",), ("features", "quality"), ("features", "predictions", "quality")])
def test_whatever_is_watched_and_wanted_windows_of_labels_ask_for_nothing(watch: Any, on: Any) -> None:
    spec = model(window=200, watch=watch, on=on)
    outcomes = run(spec, stream(spec, CALM, WORSE))
    assert {e.kind for e in of(DriftEvent, outcomes)} == {"quality"}
    assert of(RetrainRequest, outcomes) == []


def test_scores_that_move_give_requests_with_evidence_where_no_labels_are_watched() -> None:
    outcomes = run(*scores_move())
    event = of(DriftEvent, outcomes)[0]
    request = of(RetrainRequest, outcomes)[0]
    assert (request.cause, request.requested_at) == ("prediction", 1_000)
    assert {e.kind for e in request.evidence} == {"prediction"}
    assert request.event_time >= event.ended_at, "once it is no season"


def test_every_window_of_a_lasting_alarm_asks_under_an_id_of_its_own_and_tells_once() -> None:
    outcomes = run(*scores_move(8_000))
    requests, events = of(RetrainRequest, outcomes), of(DriftEvent, outcomes)
    assert len(requests) > 5
    assert len({r.request_id for r in requests}) == len(requests)
    assert len({(e.detector, e.subject) for e in events}) == len(events)


def test_a_restart_after_every_profile_changes_nothing() -> None:
    spec = model(window=200)
    profiles = stream(spec, CALM, WORSE)
    assert run(spec, profiles, restart=True) == run(spec, profiles)


def test_profiles_that_come_twice_change_nothing() -> None:
    spec = model(window=200)
    profiles = stream(spec, CALM, WORSE)
    twice = [p for n in range(len(profiles)) for p in (profiles[n], *profiles[max(0, n - 5) : n + 1])]
    assert run(spec, twice) == run(spec, profiles)


def test_the_newest_outcomes_are_kept_to_be_sent_again() -> None:
    spec = model(window=200)
    detector = Detector(spec, "c")
    detector.set_champion(published(), reference())
    newest: list[Outcome] = []
    for profile in stream(spec, CALM, WORSE):
        newest = detector.apply(profile, 0) or newest
    assert Detector(spec, "c", detector.to_bytes()).last == newest


def test_only_kinds_that_the_model_file_names_ask_for_retraining() -> None:
    spec, profiles = scores_move()
    outcomes = run(replace(spec, retrain=replace(spec.retrain, on=("quality",))), profiles)
    assert [e for e in of(DriftEvent, outcomes) if e.kind == "prediction"]
    assert not of(RetrainRequest, outcomes)


def test_what_is_not_watched_raises_nothing_but_is_measured() -> None:
    spec = model(window=200, watch=("features",))
    outcomes = run(spec, stream(spec, CALM, WORSE))
    assert {type(outcome) for outcome in outcomes} == {ModelPerformance}


def shifted(profiles: list[Profile], above: int) -> list[Profile]:
    def moved(feature: FeatureProfile) -> FeatureProfile:
        return replace(feature, categories={"z": feature.count}) if feature.name == "c" else feature

    return [
        replace(profile, features=tuple(map(moved, profile.features))) if profile.window >= above else profile
        for profile in profiles
    ]


@pytest.mark.parametrize(("watch", "asks"), [(("features",), True), (("features", "predictions", "quality"), False)])
def test_features_alone_ask_only_where_nothing_better_is_watched(watch: Any, asks: bool) -> None:
    spec = model(window=200, watch=watch)
    outcomes = run(spec, shifted(stream(spec, {**CALM, "count": 6_000}), above=20))
    assert sorted((e.detector, e.subject) for e in of(DriftEvent, outcomes)) == [("new-category", "c"), ("psi", "c")]
    requests = of(RetrainRequest, outcomes)
    assert bool(requests) == asks
    assert all(r.cause == "drift" for r in requests)


@pytest.mark.parametrize("labels_tell", [True, False])
def test_predictions_that_move_ask_for_retraining_only_where_labels_are_not_watched(labels_tell: bool) -> None:
    watch: Any = ("features", "predictions", "quality") if labels_tell else ("features", "predictions")
    spec = model(window=200, watch=watch)
    profiles = [
        replace(one, scores=tuple(replace(score, bins=score.bins[30:] + score.bins[:30]) for score in one.scores))
        if one.window >= 20
        else one
        for one in stream(spec, {**CALM, "count": 6_000})
    ]
    outcomes = run(spec, profiles)
    requests = of(RetrainRequest, outcomes)
    assert any(event.kind == "prediction" for event in of(DriftEvent, outcomes)), "it is told in either case"
    if labels_tell:
        assert not requests
        return
    assert requests[0].cause == "prediction"
    assert [e.subject for e in requests[0].evidence] == ["score"]


def test_a_new_champion_starts_anew_and_the_old_one_is_still_measured() -> None:
    spec = model(window=200)
    profiles = stream(spec, CALM, {**WORSE, "count": 1_000}, {**CALM, "version": 2, "seed": 3})
    detector = Detector(spec, "c")
    detector.set_champion(published(1, 1), reference())
    outcomes: list[Outcome] = []
    for profile in profiles:
        if any(s.version == 2 for s in profile.scores) and detector.champion and detector.champion.version == 1:
            detector.set_champion(published(2, 2), reference())
            outcomes = []
        outcomes += detector.apply(profile, 0)
    assert {p.version for p in of(ModelPerformance, outcomes)} == {1, 2}
    assert not of(RetrainRequest, outcomes)
    old = next(p for p in of(ModelPerformance, outcomes) if p.version == 1)
    assert old.reference == {}


def test_windows_that_the_champion_learned_from_are_not_compared_with_it() -> None:
    spec = model(window=200)
    learned = [OffsetRange(topic="c", partition=p, first=0, last=10**9) for p in range(PARTITIONS)]
    detector = Detector(spec, "c")
    detector.set_champion(published(offsets=learned), reference())
    profiles = shifted(stream(spec, CALM), above=0)
    assert not [o for p in profiles for o in detector.apply(p, 0) if isinstance(o, DriftEvent)]


def test_nothing_is_found_before_there_is_a_champion() -> None:
    spec = model(window=200)
    detector = Detector(spec, "c")
    assert not [o for p in stream(spec, CALM) for o in detector.apply(p, 0)]
    assert detector.champion is None


@pytest.mark.parametrize(
    ("changed", "named"), [({"state_version": 99}, "version 99,"), ({"tides": [1]}, "version 1, with tides,")]
)
def test_state_of_another_release_is_refused_by_name(changed: dict[str, Any], named: str) -> None:
    known = json.loads(zlib.decompress(Detector(model(), "c").to_bytes()))
    state = zlib.compress(json.dumps(known | changed).encode())
    with pytest.raises(FatalError, match=f"{named} and .* written by another release of Tidemill"):
        Detector(model(), "c", state)


def test_windows_of_a_topic_made_anew_are_compared_though_the_champion_learned_from_such_offsets_of_the_old_one() -> (
    None
):
    spec = model(window=200)
    learned = [OffsetRange(topic="c", partition=p, first=0, last=10**9) for p in range(PARTITIONS)]
    detector = Detector(spec, "c")
    detector.set_champion(published(offsets=learned), reference())
    profiles = shifted(stream(spec, CALM), above=0)
    for profile in profiles:
        detector.apply(profile, 0)
    outcomes = []
    for profile in profiles:
        detector = Detector(spec, "c", detector.to_bytes())
        detector.set_champion(published(offsets=learned), reference())
        outcomes += detector.apply(replace(profile, topic_id="second"), 0)
    assert of(DriftEvent, outcomes), "the same windows, and of another topic"
    assert not [o for p in profiles for o in detector.apply(p, 0)], "of the old one"
