"""The topics of this repository: names, owners, and the settings that delivery rests on."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.contract.checks.layout import SERVICES
from tests.contract.contract import catalog, models, topics
from tidemill.contracts.topics import TopicSpec

SPECS = topics().specs
PER_MODEL = {"raw", "labels_raw", "clean", "labels", "raw_dlq", "labels_raw_dlq", "predictions"}
SHARED = {
    "profiles", "quality_reports", "drift_events", "model_performance", "retrain_requests", "retrain_runs",
    "release_commands", "arm_reports", "model_versions", "model_releases", "drift_state", "validator_controls",
    "source_topics",
}  # fmt: skip
HEADERS = 64 * 1024
each = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.role)


def test_the_roles_are_those_of_the_design() -> None:
    assert {spec.role for spec in SPECS if spec.per_model} == PER_MODEL
    assert {spec.role for spec in SPECS if not spec.per_model} == SHARED


@each
def test_names_have_hyphens_only_and_follow_their_role(spec: TopicSpec) -> None:
    plain = spec.pattern.replace("{model}-", "")
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", plain)
    assert plain.replace("-", "_") == spec.role


@each
def test_the_owner_writes_or_takes_in_and_everybody_named_is_somebody(spec: TopicSpec) -> None:
    people = SERVICES | {"users", "cli"}
    assert spec.owner in SERVICES
    assert spec.owner in {*spec.producers, *spec.consumers}
    assert set(spec.producers) <= people and set(spec.consumers) <= people
    assert spec.producers and spec.consumers


@each
def test_time_on_a_topic_is_the_brokers(spec: TopicSpec) -> None:
    assert spec.config["message.timestamp.type"] == "LogAppendTime"


@each
def test_topics_of_a_model_have_the_models_partitions_and_others_one(spec: TopicSpec) -> None:
    assert spec.partitions == (None if spec.per_model else 1)


@each
def test_the_key_follows_the_kind_of_topic(spec: TopicSpec) -> None:
    if not spec.per_model:
        assert spec.key == ("topic" if spec.role == "source_topics" else "model")
    else:
        assert spec.key == ("as-came" if spec.role.endswith("dlq") else "entity")


@each
def test_the_schema_is_there(spec: TopicSpec) -> None:
    for model in models():
        if spec.schema is not None:
            assert catalog().for_topic(spec.role, model if spec.per_model else None).fields


@pytest.mark.parametrize("role", ["clean", "labels", "raw_dlq", "labels_raw_dlq", "predictions"])
def test_what_was_accepted_still_fits_with_the_headers_that_are_added(role: str) -> None:
    limit = "max.message.bytes"
    assert int(topics().spec(role).config[limit]) == int(topics().spec("raw").config[limit]) + HEADERS


def test_dead_letters_have_their_topic() -> None:
    assert topics().dlq_of("raw") == "raw_dlq"
    assert topics().dlq_of("labels_raw") == "labels_raw_dlq"


def test_what_must_serve_is_kept_for_ever_in_one_compacted_partition() -> None:
    spec = topics().spec("model_versions")
    assert (spec.partitions, spec.retention, spec.cleanup) == (1, None, "compact")
    assert spec.producers == ("trainer",)


def test_the_history_of_releases_is_kept_for_ever() -> None:
    spec = topics().spec("model_releases")
    assert (spec.partitions, spec.retention, spec.cleanup) == (1, None, "delete")


def test_training_data_outlive_the_longest_wait_for_a_label() -> None:
    for model in models().values():
        for role in ("clean", "labels", "predictions"):
            retention = topics().spec(role).retention
            assert retention is None or retention >= min(model.target.expires, timedelta(days=30))


def test_no_two_topics_of_this_repositorys_models_have_one_name() -> None:
    assert len(topics().all_topics(models())) == len(PER_MODEL) * len(models()) + len(SHARED)
