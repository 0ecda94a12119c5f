"""The trainer waits for the topics of the platform, and of a model only with that model."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import RetryLater
from tidemill.service.contract import Contract
from tidemill_trainer.collect import opening
from tidemill_trainer.settings import TrainerSettings


def test_topics_of_one_model_that_are_missing_are_waited_for_and_the_others_are_collected(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = TopicCatalog.load(root / "schemas", "")
    there = dict.fromkeys(catalog.all_topics(["fine"]), 4)
    monkeypatch.setattr(
        opening, "partition_counts", lambda admin, names: {name: there[name] for name in names if name in there}
    )
    settings = TrainerSettings()
    schemas = SchemaCatalog.load(root / "schemas", {})
    both: Any = {"fine": None, "later": None}
    contract = Contract(settings, both, catalog, schemas)
    with caplog.at_level(logging.WARNING):
        counts = opening.topic_partitions(settings, contract)
    assert (counts[catalog.name("clean", "fine")], counts[catalog.name("clean", "later")]) == (4, 0)
    assert "later waits, the others go on" in caplog.text and catalog.name("clean", "later") in caplog.text
    with pytest.raises(RetryLater, match="topics are not there yet"):
        opening.topic_partitions(settings, replace(contract, models={"later": both["later"]}))
    del there[catalog.name("retrain_requests")]
    with pytest.raises(RetryLater, match=catalog.name("retrain_requests")):
        opening.topic_partitions(settings, contract)
