"""What is released, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.trainer.fixtures import finished, reference, serving
from tidemill.contracts.events.platform import Evidence, ModelVersion, ReleaseCommand
from tidemill_learning.release.policy import Plan
from tidemill_trainer.assess.state import OpenTakeover
from tidemill_trainer.release.commands import release_of_command
from tidemill_trainer.release.transitions import (
    UNREADABLE_CHAMPION,
    NotReleased,
    release_of_run,
    release_of_takeover,
    run_release_id,
    takeover_release_id,
)

KNOWN = {number: (reference(number), (5, 6)) for number in (1, 2, 3)}


def command(action: str, version: int | None = None) -> ReleaseCommand:
    return ReleaseCommand(
        command_id="c1", model="tide", action=action, version=version, by="ann", reason="because", at=1,  # type: ignore[arg-type]
    )  # fmt: skip


def commanded(
    current: ModelVersion | None, action: str, version: int | None = None, previous: int | None = None
) -> ModelVersion:
    return release_of_command(current, command(action, version), previous, KNOWN.get, 9).published


def test_the_first_version_sets_the_start_offsets_and_later_ones_repeat_them() -> None:
    first = release_of_run(None, finished(1, (5, 6)), 7)
    assert (first.published.epoch, first.published.start_offsets, first.published.published_at) == (
        1,
        (5, 6),
        7,
    )
    second = release_of_run(first.published, finished(2, (50, 60)), 8)
    assert (second.published.epoch, second.published.start_offsets) == (2, (5, 6))
    assert second.action == "promoted" and second.evidence == finished(2).gate


def test_the_release_of_a_run_has_the_same_id_at_every_attempt() -> None:
    one, other = release_of_run(None, finished(1), 7), release_of_run(None, finished(1), 99)
    assert one.release_id == other.release_id == run_release_id("run1") != run_release_id("run2")


def test_a_run_without_a_version_or_older_than_what_serves_releases_nothing() -> None:
    with pytest.raises(NotReleased, match="no version"):
        release_of_run(None, finished(None), 1)
    with pytest.raises(NotReleased, match="not newer"):
        release_of_run(serving(3, 3), finished(2), 1)


def test_a_rollback_goes_to_the_version_before_or_to_the_one_named() -> None:
    assert commanded(serving(3, 7), "rollback", previous=2).champion.version == 2
    back = release_of_command(serving(3, 7), command("rollback", 1), 2, KNOWN.get, 9)
    assert (back.action, back.by, back.published.epoch, back.published.champion.version) == (
        "rolled_back",
        "ann",
        8,
        1,
    )
    assert back.published.start_offsets == (1, 2)


@pytest.mark.parametrize(
    ("action", "version", "current", "reason"),
    [
        ("rollback", None, serving(1, 1), "no version is named"),
        ("rollback", 3, serving(1, 1), "not an earlier"),
        ("rollback", 2, None, "not an earlier"),
        ("promote", None, serving(1, 1), "no version is named"),
        ("promote", 1, serving(1, 1), "serves already"),
        ("promote", 9, serving(1, 1), "not known"),
        ("reject", 1, serving(1, 1), "roll back instead"),
        ("reject", 1, None, "nothing serves"),
    ],
)
def test_a_command_that_makes_no_sense_changes_nothing(
    action: str, version: int | None, current: ModelVersion | None, reason: str
) -> None:
    with pytest.raises(NotReleased, match=reason):
        commanded(current, action, version)


def test_a_promotion_by_hand_may_be_the_first_release() -> None:
    assert commanded(None, "promote", 2) == commanded(None, "promote", 2)
    assert commanded(None, "promote", 2).start_offsets == (5, 6)


def test_a_rejection_is_recorded_beside_what_goes_on_serving() -> None:
    rejected = release_of_command(serving(3, 7), command("reject", 2), None, KNOWN.get, 9)
    assert rejected.action == "rejected" and rejected.published == serving(3, 7)


def test_a_version_that_was_not_held_against_the_champion_waits_for_a_person() -> None:
    gate = (
        Evidence(detector=UNREADABLE_CHAMPION, kind="gate", subject="version 1", statistic=0, threshold=1, detail="?"),
    )
    run = replace(finished(3), gate=gate)
    with pytest.raises(NotReleased, match="version 3 waits: `tidemill release approve tide --version 3`"):
        release_of_run(serving(1, 1), run, 7)
    approved = release_of_command(serving(1, 1), command("approve", 3), None, KNOWN.get, 9)
    assert (approved.action, approved.published.champion.version, approved.published.epoch) == ("promoted", 3, 2)


def test_nothing_older_and_nothing_unknown_is_approved() -> None:
    for current, version in ((serving(3, 3), 2), (serving(3, 3), 3), (serving(3, 3), 9)):
        with pytest.raises(NotReleased):
            release_of_command(current, command("approve", version), None, KNOWN.get, 9)


def takeover(version: int, over: int) -> OpenTakeover:
    why = Evidence(
        detector="label_time", kind="quality", subject=f"version {version}", statistic=7.1, threshold=6.9, detail="d"
    )
    return OpenTakeover("t1", "tide", version, over, (why,), "it answers better")


def test_a_version_that_the_gate_left_undecided_is_not_released_by_its_run() -> None:
    with pytest.raises(NotReleased, match="version 2 joins the pool"):
        release_of_run(serving(1, 1), replace(finished(2), outcome="undecided"), 7)


def test_a_takeover_promotes_at_once_with_its_evidence_or_starts_the_trial_that_the_model_file_asks_for() -> None:
    direct = release_of_takeover(serving(3, 3), takeover(2, 3), reference(2), 9)
    assert (direct.action, direct.by, direct.published.champion.version) == ("promoted", "label_time", 2)
    assert direct.evidence == takeover(2, 3).evidence and direct.release_id == takeover_release_id("t1")
    started = release_of_takeover(serving(3, 3), takeover(4, 3), reference(4), 9, Plan("canary"))
    assert (started.action, started.published.champion.version) == ("started", 3)
    assert started.published.challenger == reference(4) and started.published.challenger_share == 0.05


def test_what_takes_over_from_a_version_on_trial_takes_its_place_or_ends_the_trial() -> None:
    on_trial = release_of_takeover(serving(3, 3), takeover(4, 3), reference(4), 9, Plan("canary")).published
    next_one = release_of_takeover(on_trial, takeover(5, 4), reference(5), 9, Plan("canary"))
    assert next_one.published.challenger == reference(5) and "takes the place of version 4" in next_one.reason
    back = release_of_takeover(on_trial, takeover(3, 4), reference(3), 9, Plan("canary"))
    assert (back.action, back.published.champion.version, back.published.challenger) == ("rolled_back", 3, None)


def test_a_takeover_that_came_too_late_releases_nothing() -> None:
    for current, wanted, known, why in (
        (None, takeover(2, 1), reference(2), "nothing serves"),
        (serving(1, 1), takeover(2, 1), None, "not known"),
        (serving(2, 2), takeover(2, 1), reference(2), "serves already"),
        (serving(5, 5), takeover(2, 1), reference(2), "5 serves by now"),
    ):
        with pytest.raises(NotReleased, match=why):
            release_of_takeover(current, wanted, known, 9)
