"""A run's order says whose rows are learned from and who must be beaten."""

from __future__ import annotations

from typing import Any

from tests.unit.trainer.fixtures import CLEAN, PARTS, reference
from tidemill.contracts.events.platform import ModelVersion
from tidemill_trainer.assess.state import Basis
from tidemill_trainer.runs.store import Claim
from tidemill_trainer.training.orders import Orders, Place

PLACES = {"tide": Place("table", CLEAN, PARTS)}
CLAIM = Claim("r", "tide", "quality", "q", 5, "", "token", 1, cut_off=7)


def serving(model: str) -> ModelVersion:
    return ModelVersion(
        model=model, epoch=1, mode="direct", champion=reference(1), challenger=None, challenger_share=0.0,
        start_offsets=(0, 0), published_at=0,
    )  # fmt: skip


def order(basis: Basis | None, found: Any = None) -> dict[str, Any]:
    return Orders(PLACES, serving, lambda model, request_id: basis, lambda model, version: found).of(CLAIM)


def test_label_time_has_its_own_champion_beaten_whatever_is_released_by_then() -> None:
    told = order(Basis(champion=2, table_version=40, taken=17), reference(2))
    assert (told["champion"]["version"], told["table_version"], told["taken"]) == (2, 40, 17)


def test_others_have_what_serves_beaten_on_what_is_known_now() -> None:
    told = order(None, reference(2))
    assert (told["champion"]["version"], told["table_version"], told["taken"]) == (1, None, 0)


def test_where_nobody_knows_its_artifact_what_serves_is_beaten() -> None:
    assert order(Basis(champion=2, table_version=40))["champion"]["version"] == 1


def test_a_first_version_beats_nobody() -> None:
    told = Orders(PLACES, lambda model: None, lambda model, request_id: Basis(None, 3)).of(CLAIM)
    assert told["champion"] is None and told["table_version"] == 3
