"""Detectors and what is stored of them stay in agreement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import Gauge

from tests.unit.learning.drift.streams import logs, model, profiles_of, published, reference
from tidemill.contracts.events.platform import DriftEvent, ModelPerformance, RetrainRequest
from tidemill.contracts.events.profiles import Profile
from tidemill.contracts.topics import TopicCatalog
from tidemill.telemetry.of_versions import VERSIONS_TOLD
from tidemill_drift import metrics
from tidemill_drift.detector_host import ROLES, DetectorHost, count
from tidemill_learning.drift.detection.detector import Outcome

SPEC = model(window=200)


@pytest.fixture
def topics(root: Path) -> TopicCatalog:
    return TopicCatalog.load(root / "schemas", "t-")


def stream() -> list[Profile]:
    calm, worse = logs(1_500, 1), logs(1_500, 2, first=1_500, worse=0.3)
    calm.rows["clean"] += worse.rows["clean"]
    calm.rows["predictions"] += worse.rows["predictions"]
    first = len(calm.rows["labels"])
    calm.rows["labels"] += [(first + n, row) for n, (_, row) in enumerate(worse.rows["labels"])]
    return sorted(profiles_of(SPEC, calm), key=lambda p: int(p.ended_at))


def host_of(topics: TopicCatalog, store: dict[bytes, bytes]) -> DetectorHost:
    host = DetectorHost([SPEC], topics, store)
    host.set_champion(published(partitions=1), reference())
    return host


def feed(host: DetectorHost, profiles: list[Profile]) -> list[Outcome]:
    found: list[Outcome] = []
    for profile in profiles:
        outcomes, state = host.apply(profile, 0)
        host.keep("m", state)
        found += outcomes
    return found


def test_a_restart_goes_on_from_the_store(topics: TopicCatalog) -> None:
    profiles, store = stream(), {}  # type: ignore[var-annotated]
    whole = feed(host_of(topics, {}), profiles)
    parts = feed(host_of(topics, store), profiles[:20]) + feed(host_of(topics, store), profiles[20:])
    assert parts == whole
    assert any(isinstance(outcome, DriftEvent) for outcome in whole)


def test_what_was_not_stored_is_taken_in_again_with_the_same_outcome(topics: TopicCatalog) -> None:
    profiles, host = stream(), host_of(topics, {})
    found = []
    for profile in profiles:
        first, _ = host.apply(profile, 0)
        host.forget()  # writing its outcomes failed
        again, state = host.apply(profile, 0)
        host.keep("m", state)
        assert again == first
        found += again
    assert found == feed(host_of(topics, {}), profiles)


def test_a_store_that_another_process_has_moved_on_wins_over_memory(topics: TopicCatalog) -> None:
    profiles, store = stream(), {}  # type: ignore[var-annotated]
    mine, other = host_of(topics, store), host_of(topics, store)
    found = feed(mine, profiles[:10]) + feed(other, profiles[10:25]) + feed(mine, profiles[25:])
    assert found == feed(host_of(topics, {}), profiles)


def test_the_newest_outcomes_can_be_sent_again(topics: TopicCatalog) -> None:
    store: dict[bytes, bytes] = {}
    found = feed(host_of(topics, store), stream())
    assert host_of(topics, store).last()[-1] == found[-1]


def test_a_model_of_others_is_left_alone(topics: TopicCatalog) -> None:
    host = DetectorHost([SPEC], topics, {})
    assert not host.knows("another")
    assert host.last() == []


def test_every_outcome_has_a_topic(topics: TopicCatalog) -> None:
    assert set(ROLES) == {DriftEvent, ModelPerformance, RetrainRequest}
    assert all(topics.name(role) for role in ROLES.values())


def test_a_changed_model_file_goes_on_from_what_is_stored(topics: TopicCatalog) -> None:
    profiles = stream()
    whole = feed(host_of(topics, {}), profiles)
    host = host_of(topics, {})
    first = feed(host, profiles[:20])
    host.take_up([replace(SPEC, owner="another")])
    assert first + feed(host, profiles[20:]) == whole


def test_a_new_model_is_watched_from_then_on(topics: TopicCatalog) -> None:
    host = DetectorHost([], topics, {})
    assert not host.knows("m")
    host.take_up([SPEC])
    host.set_champion(published(partitions=1), reference())
    assert host.knows("m")
    assert feed(host, stream()) == feed(host_of(topics, {}), stream())


def test_each_statistic_stands_beside_the_threshold_it_was_held_against_until_another_version_is_watched(
    topics: TopicCatalog,
) -> None:
    host = host_of(topics, {})
    found = [one for one in feed(host, stream()) if isinstance(one, DriftEvent) and not one.failure]
    measured, held = told(metrics.STATISTIC), told(metrics.THRESHOLD)
    assert measured.keys() == held.keys() and ("psi", "x", "stream") in measured
    alarmed = {(one.detector, one.subject, one.source or "stream") for one in found}
    assert alarmed and alarmed <= measured.keys()
    assert any(measured[key] > held[key] for key in alarmed) and any(measured[key] <= held[key] for key in measured)
    host.set_champion(published(version=2, partitions=1), reference())
    assert told(metrics.STATISTIC) == told(metrics.THRESHOLD) == {}


def told(gauge: Gauge) -> dict[tuple[str, str, str], float]:
    (family,) = gauge.collect()
    labels = ("detector", "subject", "source")
    return {
        tuple(one.labels[name] for name in labels): one.value for one in family.samples if one.labels["model"] == "m"
    }  # type: ignore[misc]


def test_quality_is_told_of_the_versions_that_were_measured_last() -> None:
    def measured(version: int) -> ModelPerformance:
        return ModelPerformance(
            performance_id=f"p{version}", model="told", version=version, arm="champion", window=1, labels=50,
            metrics={"roc_auc": 0.7}, reference={}, started_at=0, ended_at=1, offsets=(),
        )  # fmt: skip

    count([measured(version) for version in range(1, 31)])
    (family,) = metrics.METRIC.collect()
    told = sorted(int(one.labels["version"]) for one in family.samples if one.labels["model"] == "told")
    assert told == list(range(31 - VERSIONS_TOLD, 31))
