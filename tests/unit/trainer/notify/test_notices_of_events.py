"""What people are told of each event of the loop, and what they are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.trainer.fixtures import finished, reference, serving
from tidemill.contracts.events.platform import DriftEvent, Evidence, ModelRelease
from tidemill_trainer.notify.events import Teller

LINKS = {
    "status": "https://s.example/{model}", "dashboard": None, "trace": "https://t.example/{trace_id}",
    "runbook": "https://r.example/{runbook}.md",
}  # fmt: skip


def teller(*, approval: bool = False, serves: bool = True) -> Teller:
    return Teller(links=LINKS, asks_approval=lambda model: approval, serves=lambda model: serves)


def release(action: Any, *, share: float = 0.0, challenger: int | None = None) -> ModelRelease:
    published = replace(serving(3, 7), challenger=reference(challenger) if challenger else None, challenger_share=share,
                        mode="canary" if challenger else "direct", published_at=9)  # fmt: skip
    return ModelRelease(release_id="r1", action=action, by="gate", reason="because", evidence=(), published=published)


def drift(**over: Any) -> DriftEvent:
    given: dict[str, Any] = {
        "event_id": "d1", "model": "tide", "version": 3, "kind": "feature", "detector": "psi", "subject": "wind",
        "statistic": 0.4, "threshold": 0.2, "window": 1, "records": 500, "started_at": 1, "ended_at": 2, "offsets": (),
        "detail": "It moved.",
    }  # fmt: skip
    return DriftEvent(**(given | over))


def test_a_run_that_made_a_version_is_told_with_its_figures_and_links() -> None:
    run = replace(finished(4), metrics={"roc_auc": 0.71, "champion.roc_auc": 0.68, "rows": 900.0, "seconds": 12.5})
    (notice,) = teller().of_run(run, "0af7")
    assert (notice.kind, notice.title) == ("retrain_finished", "tide: training made version 4 (drift)")
    assert notice.text == "gate passed" and notice.figures == run.metrics
    assert notice.links == {"status": "https://s.example/tide", "trace": "https://t.example/0af7"}


def test_a_run_that_failed_and_one_without_a_version_are_told_apart() -> None:
    (failed,) = teller().of_run(replace(finished(None), state="failed", reason="no memory"))
    assert (failed.kind, failed.title, failed.text) == ("retrain_failed", "tide: training failed (drift)", "no memory")
    assert failed.links["runbook"] == "https://r.example/training.md" and "trace" not in failed.links
    (without,) = teller().of_run(finished(None))
    assert (without.kind, without.title) == ("retrain_finished", "tide: training made no version (drift)")


@pytest.mark.parametrize("state", ["accepted", "refused", "started"])
def test_the_states_before_the_end_of_a_run_are_not_told(state: Any) -> None:
    assert teller().of_run(replace(finished(None), state=state)) == []


def test_a_version_that_a_person_must_let_serve_is_told_as_wanted_beside_its_run() -> None:
    unread = Evidence(detector="champion_unreadable", kind="gate", subject="s", statistic=0, threshold=0, detail="d")
    for told in (
        teller(approval=True, serves=False).of_run(finished(1)),
        teller().of_run(replace(finished(1), gate=(unread,))),
    ):
        assert [notice.kind for notice in told] == ["retrain_finished", "approval_wanted"]
        assert "tidemill release approve tide --version 1" in told[1].text
        assert told[0].notice_id != told[1].notice_id
    assert len(teller(approval=True, serves=True).of_run(finished(2))) == 1, "its trial asks, once it is published"
    assert len(teller(approval=True, serves=False).of_run(replace(finished(1), outcome="undecided"))) == 1


@pytest.mark.parametrize(
    ("action", "share", "challenger", "kind", "title"),
    [
        ("promoted", 0.0, None, "release_moved", "tide: version 3 serves"),
        ("started", 0.05, 4, "release_moved", "tide: version 4 is on trial (canary, 5% of requests)"),
        ("advanced", 0.5, 4, "release_moved", "tide: the trial of version 4 goes on (50% of requests)"),
        ("approved", 0.0, 4, "release_moved", "tide: version 4 was approved"),
        ("rolled_back", 0.0, None, "rolled_back", "tide: rolled back, version 3 serves"),
        ("rejected", 0.0, None, "rolled_back", "tide: a version was rejected, version 3 serves on"),
        ("of a later release", 0.0, None, "release_moved", "tide: of a later release, version 3 serves"),
    ],
)
def test_each_move_of_a_release_is_told(
    action: str, share: float, challenger: int | None, kind: str, title: str
) -> None:
    (notice,) = teller(approval=True).of_release(release(action, share=share, challenger=challenger))
    assert (notice.kind, notice.title, notice.text) == (kind, title, "because (by gate)")


def test_a_trial_that_begins_with_share_0_wants_approval_only_where_the_model_asks_for_it() -> None:
    (wanted,) = teller(approval=True).of_release(release("started", challenger=4))
    assert wanted.kind == "approval_wanted" and wanted.title == "tide: version 4 waits for a person's approval"
    (shadow,) = teller().of_release(release("started", challenger=4))
    assert shadow.kind == "release_moved"
    assert teller().of_release(release("refused")) == []


def test_a_run_and_a_release_of_long_ago_that_are_read_again_are_not_told_again() -> None:
    late = replace(teller(), since=lambda: 10)
    assert late.of_run(finished(4)) == [] and late.of_release(release("promoted")) == []
    assert len(late.of_release(release("approved", challenger=4))) == 1, "its record is that of the trial's beginning"
    assert len(late.of_run(replace(finished(4), at=10))) == 1


def test_drift_and_quiet_failures_are_told_by_their_subject() -> None:
    (moved,) = teller().of_drift(drift(statistic=float("nan")))
    assert (moved.title, moved.text) == ("tide: feature drift, wind", "It moved. (psi)")
    assert moved.figures == {"threshold": 0.2, "records": 500.0}, "JSON knows no NaN"
    (quiet,) = teller().of_drift(drift(kind="quality", failure="labels_stopped", model="a\nb"))
    assert quiet.title == "a b: labels stopped, wind" and quiet.model == "a b"
    assert moved.notice_id == teller().of_drift(drift())[0].notice_id
