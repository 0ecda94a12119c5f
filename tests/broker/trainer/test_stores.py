"""A store that is full, and one that has lost what serves: runs wait and say so, and a person decides."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

from tests.broker.trainer.world import DAY_ONE, HOUR, World
from tests.support.polling import until


@contextmanager
def full_store(folder: Path) -> Iterator[Callable[[], None]]:
    """A folder that takes nothing, and what mends it: a file system of 16 KiB where this user may mount one, else a
    file in the folder's place.
    """
    place = folder / "artifacts"
    place.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    if os.geteuid() == 0 and subprocess.run(small, check=False, capture_output=True).returncode == 0:
        try:
            yield lambda: subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True) and None
        finally:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        return
    place.rmdir()
    place.write_text("no folder")

    def mend() -> None:
        place.unlink()
        place.mkdir()

    yield mend


def test_a_run_waits_for_a_full_store_and_a_damaged_champion_is_left_to_a_person(world: World) -> None:
    with full_store(world.folder) as mend:
        world.push_events(0, 1_000)
        world.push_labels(0, 1_000)
        world.start()
        until(lambda: any("waits for a store" in run.reason for run in world.runs()), 180, "a run that waits")
        waiting = world.runs()[-1]
        assert waiting.state == "started" and "artifacts/tide/1-" in waiting.reason
        assert "cannot be written" in waiting.reason
        mend()
        (first,) = world.await_versions(1)
        finished = world.runs()[-1]
        assert (finished.state, finished.version) == ("finished", 1)
        assert world.log().count("for tide begins") == 1, "what was trained was kept, no attempt was lost"

        manifest = Path(urlparse(first.champion.artifact_uri).path) / "manifest.json"
        manifest.write_bytes(manifest.read_bytes()[:100])
        world.request("manual", DAY_ONE + 17 * HOUR)
        until(lambda: [run.state for run in world.runs()].count("finished") == 2, 120, "the second run")
        second = world.runs()[-1]
        assert second.version == 2 and "not held against version 1, which serves" in second.reason
        assert str(manifest.parent) in second.reason and "champion_unreadable" in {e.detector for e in second.gate}
        world.await_log("version 2 waits: `tidemill release approve tide --version 2`", 60)
        assert len(world.versions()) == 1
        world.command("approve", 2)
        assert world.await_versions(2)[-1].champion.version == 2
        world.stop()
