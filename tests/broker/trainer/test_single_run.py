"""`tidemill-trainer train --once` beside a trainer without *train*: Jobs that are killed, stopped, or one too many."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.broker.trainer.world import World
from tests.support.polling import until
from tests.support.processes import service_process

WITHOUT_TRAIN = "collect,assess,admit,release,publish"


def test_a_run_is_done_once_by_jobs_of_which_one_is_killed_and_one_is_too_many(world: World) -> None:
    world.push_events(0, 1_000)
    world.push_labels(0, 1_000)
    world.start(PARTS=WITHOUT_TRAIN, LEASE_S="3")
    until(lambda: any(run.state == "accepted" for run in world.runs()), 150, "a run is accepted")

    killed, log = job(world, "killed")
    until(lambda: "(first_data, attempt 1)" in log.read_text(), 150, "it has claimed the run")
    killed.kill()
    killed.wait()

    stopped, log = job(world, "stopped")
    until(lambda: "(first_data, attempt 2)" in log.read_text() or stopped.poll() is not None, 150, "it is at work")
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(60) == 0, log.read_text()
    assert world.versions() == []

    jobs = [job(world, name) for name in ("one", "too-many")]
    assert [process.wait(180) for process, _ in jobs] == [0, 0]
    said = [log.read_text() for _, log in jobs]
    assert sum("has finished: version 1" in text for text in said) == 1
    assert sum("no run waits" in text for text in said) == 1
    (version,) = world.await_versions(1)
    assert version.champion.version == 1
    assert [run.state for run in world.runs()].count("finished") == 1
    assert world.stop() == 0


def job(world: World, name: str) -> tuple[subprocess.Popen[bytes], Path]:
    """One Job, and where it logs."""
    log = world.folder / f"{name}.log"
    env, cwd = world.environment(), world.folder
    return service_process.start("tidemill_trainer", "train", "--once", env=env, log=log, cwd=cwd), log
