"""Collect and a training table whose disk is full: it waits, says so, loses nothing, and goes on.

A bound on the size of a file (RLIMIT_FSIZE) stands for the full disk, in a process of its own: it needs no rights.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import resource, signal, sys, threading
from pathlib import Path
from prometheus_client import REGISTRY
from deltalake.exceptions import DeltaError
from tests.support.polling import until
from tests.unit.trainer.fixtures import CLEAN, PARTS, SCHEMA, events
from tidemill.errors import RetryLater
from tidemill.service import Heartbeat
from tidemill_trainer.collect.collector import Collector, CollectorContext
from tidemill_learning.data_set.table_rows import EVENT
from tidemill_trainer.settings import TrainerSettings
from tidemill_trainer.collect.training_table import TrainingTable

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
uri = (Path(sys.argv[1]) / "table").as_uri()
table = TrainingTable(uri, SCHEMA, PARTS)
table.append(events(0, 5), {(CLEAN, 0): 5})

def waits():
    return REGISTRY.get_sample_value("tidemill_trainer_collect_waits")

stop = threading.Event()
collector = Collector(CollectorContext(
    settings=TrainerSettings(), group="g", models=[], partitions={}, after_commit=lambda model: None, stop=stop,
    heartbeat=Heartbeat(60),
))
collector.assigned = True
assert collector.unready() is None and not waits()
limit(100)
work = threading.Thread(
    target=collector.patiently, args=(lambda: table.append(events(3, 400), {(CLEAN, 0): 403}),), daemon=True
)
work.start()
until(lambda: collector.unready(), 60, "it says that it waits")
assert "the training table cannot be written" in collector.unready(), collector.unready()
assert "File too large" in collector.unready(), collector.unready()
assert waits() == 1
before = TrainingTable(uri, SCHEMA, PARTS)
assert sorted(before.column(EVENT, "_offset").to_pylist()) == list(range(5))
assert before.ends() == {(CLEAN, 0): 5}, "offsets do not move without their rows"
limit(resource.RLIM_INFINITY)
work.join(60)
assert not work.is_alive() and collector.unready() is None and not waits()
after = TrainingTable(uri, SCHEMA, PARTS)
assert sorted(after.column(EVENT, "_offset").to_pylist()) == list(range(403))
assert after.ends() == {(CLEAN, 0): 403}
print("held")
"""


def test_while_no_file_may_grow_as_on_a_full_disk_collect_waits_says_so_and_then_goes_on(
    root: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.stdout.strip() == "held", done.stderr
