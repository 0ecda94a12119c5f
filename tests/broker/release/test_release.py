"""Trials with real processes: release, serve and stream over a broker."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.broker.inference.world import MODEL
from tests.broker.release.world import World
from tests.support.polling import until
from tidemill_inference.trial.routing import salt_of, to_challenger

CANARY = "{mode: canary, stages: [30%, 100%], hold: 500ms, labels: 0}"
Make = Callable[[str], World]


@pytest.fixture
def make(root: Path, kafka: str, prefix: str, tmp_path: Path) -> Iterator[Make]:
    made: list[World] = []

    def build(policy: str) -> World:
        made.append(World(root, kafka, prefix, tmp_path, policy))
        return made[-1]

    yield build
    for world in made:
        world.close()


def serving(world: World) -> None:
    """Version 1 serves everywhere."""
    world.start_release()
    world.start_serving()
    world.finish(1)
    world.await_actions(1)
    world.await_serving()


def fed(world: World, done: Callable[[], bool], what: str) -> None:
    """Push records until something holds."""
    pushed = 0

    def once() -> bool:
        nonlocal pushed
        world.push(range(pushed, pushed + 100))
        pushed += 100
        return done()

    until(once, 90, lambda: f"{what}; {world.told()}")


def test_a_canary_goes_up_in_steps_and_both_arms_stand_on_every_prediction(make: Make) -> None:
    world = make(CANARY)
    serving(world)
    world.finish(2, weight=1.01)
    fed(world, lambda: len(world.releases()) >= 4, "the trial ends")
    assert world.actions() == ["promoted", "started", "advanced", "promoted"]
    assert [r.published.challenger_share for r in world.releases()] == [0.0, 0.3, 1.0, 0.0]
    last = world.releases()[-1]
    assert (last.by, last.published.champion.version) == ("gate", 2)
    assert {e.detector for e in last.evidence} == {"errors", "latency", "scores", "quality"}
    tried = [row for row in world.predictions() if row["epoch"] == 2]
    assert tried
    for row in tried:
        challenged = bool(to_challenger([row["key"]], salt_of(MODEL, 2), 0.3)[0])
        assert (row["version"], row["arm"]) == ((2, "challenger") if challenged else (1, "champion"))
        assert row["other_version"] == (1 if challenged else 2) and row["other_probability"] is not None
    epochs = [row["epoch"] for row in sorted(world.predictions(), key=lambda row: (row["partition"], row["offset"]))]
    assert set(epochs) >= {2, 3}


def test_rest_and_stream_route_an_entity_to_the_same_arm(make: Make) -> None:
    world = make("{mode: canary, stages: [50%, 100%], hold: 10m, labels: 0}")
    serving(world)
    world.finish(2, weight=1.01)
    world.await_actions(2)
    until(lambda: world.ask()["epoch"] == 2, 20, "the trial is served")
    asked = {f"N{n}": world.ask(f"N{n}")["version"] for n in range(7)}
    fed(world, lambda: any(row["epoch"] == 2 and row["source"] == "stream" for row in world.predictions()), "stream")
    stream = {
        row["key"].decode(): row["version"]
        for row in world.predictions()
        if row["epoch"] == 2 and row["source"] == "stream"
    }
    assert {entity: asked[entity] for entity in stream} == stream and set(asked.values()) == {1, 2}
    rest = [row for row in world.predictions() if row["epoch"] == 2 and row["source"] == "rest"]
    assert rest and all(row["other_version"] == 3 - row["version"] for row in rest)


def test_the_gate_takes_out_a_challenger_whose_scores_lie_elsewhere(make: Make) -> None:
    world = make(CANARY.replace("500ms", "10m"))
    serving(world)
    world.finish(2, weight=3.0)
    fed(world, lambda: len(world.releases()) >= 3, "the rollback")
    last = world.releases()[-1]
    assert (last.action, last.by, last.published.champion.version) == ("rolled_back", "gate", 1)
    assert last.published.challenger is None and "scores" in last.reason
    until(lambda: world.ask()["epoch"] == last.published.epoch, 20, "version 1 serves alone")


def test_labels_take_out_a_challenger_that_is_quietly_worse(make: Make) -> None:
    """It ranks the other way round: nothing but the labels can tell."""
    world = make("{mode: shadow, hold: 10m, limits: {shift: 99%}}")
    world.start_profile()
    serving(world)
    world.finish(2, weight=-1.0)
    world.await_actions(2)
    until(lambda: world.ask()["epoch"] == 2, 20, "the trial is served")
    pushed = 0

    def judged() -> bool:
        nonlocal pushed
        if pushed < 12_000:
            world.push_labelled(pushed, 500)
            pushed += 500
        return len(world.releases()) >= 3

    until(judged, 120, lambda: f"the rollback; {world.told()}")
    last = world.releases()[-1]
    assert (last.action, last.by, last.published.champion.version) == ("rolled_back", "gate", 1)
    (quality,) = [e for e in last.evidence if e.detector == "quality"]
    assert quality.statistic < -0.3 and "roc_auc" in quality.detail and last.reason.startswith("quality")
    print(quality.detail)
    exposed = [row for row in world.predictions() if row["arm"] == "challenger"]
    assert exposed == [], "in shadow nobody was answered by it"


def test_a_release_part_that_is_killed_in_the_midst_of_a_trial_goes_on_with_all_of_its_evidence(make: Make) -> None:
    world = make("{mode: canary, stages: [30%, 100%], hold: 500ms, labels: 0, approval: true}")
    world.start_serving()
    release = world.start_release()
    until(lambda: "trainer: http" in world.told(), 60, world.told)
    until(lambda: (world.folder / "trainer.db").exists(), 60, "the database")
    world.finish(1)
    until(lambda: "waits: `tidemill release approve" in world.told(), 60, "the first version waits")
    world.know(1)
    world.command("approve", 1)
    world.await_actions(1)
    world.await_serving()
    world.finish(2, weight=1.01)
    world.await_actions(2)
    until(lambda: world.ask()["epoch"] == 2, 20, "the trial is served")
    world.push(range(300))
    until(lambda: len([r for r in world.predictions() if r["epoch"] == 2]) >= 300, 60, "predictions")
    release.kill()
    release.wait(10)
    world.command("approve", 2)
    world.start_release()
    world.await_actions(4)
    advanced = world.releases()[3]
    assert world.actions()[:4] == ["promoted", "started", "approved", "advanced"]
    assert any("of 3" in e.detail and "records without an answer" in e.detail for e in advanced.evidence)
    fed(world, lambda: world.actions()[-1] == "promoted" and len(world.actions()) == 6, "the end of the trial")
    epochs = [release.published.epoch for release in world.releases()]
    assert epochs == sorted(epochs) and world.releases()[-1].published.champion.version == 2


def test_a_rollback_to_any_earlier_version_is_one_command_and_served_everywhere_within_five_seconds(
    make: Make,
) -> None:
    world = make("{mode: direct}")
    serving(world)
    for version in (2, 3):
        world.finish(version)
        world.await_actions(version)
    until(lambda: world.ask()["version"] == 3, 20, "version 3 serves")
    fed(world, lambda: any(row["version"] == 3 for row in world.predictions()), "version 3 on the stream")
    took = []
    for number, version in enumerate((1, 3, 2), start=4):
        before = time.monotonic()
        world.command("rollback" if version < 3 else "promote", version)
        until(lambda v=version: world.ask()["version"] == v, 20, "served by REST")  # type: ignore[misc]
        rest = time.monotonic() - before
        fed(world, lambda e=number: any(row["epoch"] == e for row in world.predictions()), "served on the stream")  # type: ignore[misc]
        took.append((rest, time.monotonic() - before))
    print("from command to REST, and to a record on the predictions topic, s:", took)
    assert all(both < 5 for both in [everywhere for _, everywhere in took])


def test_a_person_lets_a_challenger_go_on_and_the_audit_log_says_who(make: Make, tmp_path: Path) -> None:
    world = make("{mode: blue_green, hold: 500ms, labels: 0, approval: true}")
    serving_by_approval(world)
    world.finish(2, weight=1.01)
    until(lambda: "started" in world.actions(), 30, world.told)
    assert world.releases()[-1].published.challenger_share == 0.0
    again = world.tidemill("release", "reject", MODEL, "--version", "1", "--reason", "no")
    assert again.returncode == 1 and "roll back instead" in again.stdout
    said = world.tidemill("release", "approve", MODEL, "--reason", "looked at it")
    assert said.returncode == 0 and "approved" in said.stdout, said.stderr + world.told()
    fed(world, lambda: world.actions()[-1] == "promoted" and len(world.actions()) >= 6, "the end of the trial")
    assert world.actions() == ["promoted", "started", "refused", "approved", "advanced", "promoted"]
    status = world.tidemill("release", "status", MODEL)
    assert "version 2 serves at epoch 4" in status.stdout
    with sqlite3.connect(tmp_path / "trainer.db") as database:
        acts = database.execute("select act, subject, detail from audit_log order by id").fetchall()
    assert [(act, subject) for act, subject, _ in acts] == [
        ("release.approve", MODEL), ("release.reject", MODEL), ("release.approve", MODEL),
    ]  # fmt: skip
    assert "looked at it" in acts[2][2]


def serving_by_approval(world: World) -> None:
    """The first version waits for a person, too."""
    world.start_release()
    world.start_serving()
    world.finish(1)
    until(lambda: "waits: `tidemill release approve" in world.told(), 60, "the first version waits")
    assert world.actions() == []
    world.know(1)
    said = world.tidemill("release", "approve", MODEL, "--version", "1", "--reason", "first")
    assert said.returncode == 0, said.stderr + world.told()
    world.await_actions(1)
    world.await_serving()


def test_of_two_writers_one_is_fenced_and_epochs_rise_strictly(make: Make) -> None:
    world = make("{mode: direct}")
    first = world.start_release()
    world.finish(1)
    world.await_actions(1)
    second = world.start_release()
    until(lambda: world.told().count("trainer: http") == 2, 60, "the second writer")
    for version in range(2, 30):
        world.finish(version)
        if first.poll() is not None:
            break
        world.await_actions(version)
    until(lambda: first.poll() is not None, 60, "the first writer is fenced")
    assert first.returncode == 3 and second.poll() is None
    world.finish(40)
    until(lambda: world.releases()[-1].published.champion.version == 40, 60, world.told)
    assert rises_strictly([release.published.epoch for release in world.releases()])
    assert rises_strictly([event.epoch for event in world.published()])
    assert rises_strictly([release.published.champion.version for release in world.releases()]), "each released once"


def rises_strictly(numbers: list[int]) -> bool:
    """Whether each number is above the one before it, in the order of the topic."""
    return len(numbers) > 1 and all(before < after for before, after in pairwise(numbers))
