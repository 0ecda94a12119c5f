"""Series by version stay few, however many versions there come to be."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from tidemill.telemetry.of_versions import VERSIONS_TOLD, OfVersions


def versions_of(registry: CollectorRegistry, name: str, model: str) -> list[int]:
    samples = [sample for family in registry.collect() for sample in family.samples if sample.name == name]
    return sorted(int(one.labels["version"]) for one in samples if one.labels["model"] == model)


def test_of_a_thousand_versions_those_are_told_of_that_were_used_last_and_other_models_keep_theirs() -> None:
    registry = CollectorRegistry()
    counted = Counter("answers", "Answers.", ["model", "version", "source"], registry=registry)
    measured = Gauge("quality", "Quality.", ["model", "arm", "version"], registry=registry)
    versions = OfVersions(counted, measured)
    versions.used("churn", [1])
    counted.labels("churn", "1", "rest").inc()
    for version in range(1, 1_001):
        versions.used("flight", [version])
        counted.labels("flight", str(version), "rest").inc()
        measured.labels("flight", "champion", str(version)).set(0.5)
    assert versions_of(registry, "answers_total", "flight") == list(range(1_001 - VERSIONS_TOLD, 1_001))
    assert versions_of(registry, "quality", "flight") == list(range(1_001 - VERSIONS_TOLD, 1_001))
    assert versions_of(registry, "answers_total", "churn") == [1]


def test_a_version_that_is_used_again_is_kept_before_newer_ones() -> None:
    registry = CollectorRegistry()
    counted = Counter("answers", "Answers.", ["model", "version"], registry=registry)
    versions = OfVersions(counted)
    for version in range(1, 2 * VERSIONS_TOLD):
        versions.used("flight", [version, 1])
        counted.labels("flight", str(version)).inc()
    assert 1 in versions_of(registry, "answers_total", "flight")
    assert len(versions_of(registry, "answers_total", "flight")) == VERSIONS_TOLD


def test_who_keeps_series_at_hand_is_told_after_some_have_gone_and_only_then() -> None:
    registry = CollectorRegistry()
    counted = Counter("answers", "Answers.", ["model", "version"], registry=registry)
    seen: list[list[int]] = []
    versions = OfVersions(counted, forgotten=lambda: seen.append(versions_of(registry, "answers_total", "flight")))
    for version in range(1, VERSIONS_TOLD + 2):
        counted.labels("flight", str(version)).inc()
        versions.used("flight", [version])
    assert seen == [list(range(2, VERSIONS_TOLD + 2))]
