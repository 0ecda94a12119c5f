"""Topics by role: names, prefix, collisions, and what is wrong in a topics.yaml."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError

ROW = {
    "name": "{model}-raw",
    "description": "d",
    "owner": "ingest",
    "producers": ["users"],
    "consumers": ["validator"],
    "key": "entity",
    "schema": "record",
    "partitions": "model",
    "retention": "7d",
    "cleanup": "delete",
}
DEFAULTS = {"config": {"message.timestamp.type": "LogAppendTime"}}


def catalog(folder: Path, topics: dict[str, object], prefix: str = "") -> TopicCatalog:
    (folder / "topics.yaml").write_text(yaml.safe_dump({"defaults": DEFAULTS, "topics": topics}))
    return TopicCatalog.load(folder, prefix)


def test_the_prefix_is_added_to_topics_groups_and_transactional_ids(tmp_path: Path) -> None:
    topics = catalog(tmp_path, {"raw": ROW}, prefix="test-")
    assert topics.name("raw", "churn") == "test-churn-raw"
    assert topics.group("validator-all") == "test-validator-all"
    assert topics.transactional_id("validator-all-0") == "test-validator-all-0"


@pytest.mark.parametrize("prefix", ["a b-", "ä-", "a/", "a\n"])
def test_a_prefix_that_no_topic_can_have_is_refused(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(ConfigError, match="may hold letters"):
        catalog(tmp_path, {"raw": ROW}, prefix)


def test_a_topic_of_each_model_needs_a_model_and_a_shared_one_takes_none(tmp_path: Path) -> None:
    topics = catalog(tmp_path, {"raw": ROW, "profiles": ROW | {"name": "profiles", "partitions": 1}})
    assert topics.name("profiles") == "profiles"
    with pytest.raises(ConfigError, match="name the model"):
        topics.name("raw")
    with pytest.raises(ConfigError, match="name none"):
        topics.name("profiles", "churn")


def test_an_unknown_role_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown topic role 'row'.*raw"):
        catalog(tmp_path, {"raw": ROW}).name("row", "churn")


def test_retention_cleanup_and_config_become_kafkas_settings(tmp_path: Path) -> None:
    row = ROW | {"config": {"max.message.bytes": 2_000_000}}
    spec = catalog(tmp_path, {"raw": row, "state": ROW | {"name": "s", "retention": "forever", "cleanup": "compact"}})
    assert spec.spec("raw").retention == timedelta(days=7)
    assert spec.spec("raw").config == {
        "cleanup.policy": "delete",
        "max.message.bytes": "2000000",
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": "604800000",
    }
    assert spec.spec("state").retention is None
    assert spec.spec("state").config["retention.ms"] == "-1"
    assert spec.spec("state").config["cleanup.policy"] == "compact"


def test_a_name_longer_than_kafka_allows_is_refused(tmp_path: Path) -> None:
    topics = catalog(tmp_path, {"raw": ROW}, prefix="p" * 100)
    assert len(topics.name("raw", "m" * 145)) == 249
    with pytest.raises(ConfigError, match="longer than"):
        topics.name("raw", "m" * 146)


def test_two_models_whose_topics_would_have_one_name_are_refused(tmp_path: Path) -> None:
    topics = catalog(tmp_path, {"raw": ROW, "labels_raw": ROW | {"name": "{model}-labels-raw"}})
    assert topics.all_topics(["churn", "fraud"])["fraud-labels-raw"] == ("labels_raw", "fraud")
    with pytest.raises(ConfigError, match="'churn-labels-raw' would be both"):
        topics.all_topics(["churn", "churn-labels"])


def test_dead_letters_have_a_topic_called_as_its_origin_and_dlq(tmp_path: Path) -> None:
    rows = {"raw": ROW | {"dead_letters": "bad"}, "bad": ROW | {"name": "{model}-raw-dlq", "schema": "none"}}
    topics = catalog(tmp_path, rows)
    assert topics.dlq_of("raw") == "bad"
    assert topics.spec("bad").schema is None
    with pytest.raises(ConfigError, match="no dead-letter topic"):
        topics.dlq_of("bad")
    with pytest.raises(ConfigError, match=r"must go to \{model\}-raw-dlq"):
        catalog(tmp_path, rows | {"bad": ROW | {"name": "{model}-bad"}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cleanup": "sometimes"}, "cleanup"),
        ({"partitions": 0}, "partitions"),
        ({"partitions": True}, "partitions"),
        ({"retention": "a while"}, "retention"),
        ({"colour": "blue"}, "unknown keys"),
        ({"producers": "users"}, "list"),
        ({"description": None}, "text"),
        ({"config": "none"}, "config"),
    ],
)
def test_a_wrong_row_is_an_error_that_names_topic_and_key(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"'raw'.*{message}|{message}.*'raw'"):
        catalog(tmp_path, {"raw": ROW | change})


def test_a_row_without_an_owner_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'raw'.*owner"):
        catalog(tmp_path, {"raw": {key: value for key, value in ROW.items() if key != "owner"}})


def test_topics_that_are_no_mapping_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "topics.yaml").write_text("[]")
    with pytest.raises(ConfigError, match=r"topics\.yaml"):
        TopicCatalog.load(tmp_path)
