"""The training process: it answers, dies, hangs and is told to stop; its parent knows what to do."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from tests.support.polling import until
from tidemill_trainer.training import process as module
from tidemill_trainer.training.process import ChildDied, Interrupted, TrainingChild

FAKE = """
import json, os, sys, time
print(json.dumps({"ready": True, "seconds": 0.0}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "die":
        os._exit(7)
    if order["do"] == "hang":
        time.sleep(600)
    print(json.dumps({"ok": True, "pid": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"]}), flush=True)
"""


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def child(tmp_path: Path, stop: threading.Event) -> TrainingChild:
    script = tmp_path / "fake_worker.py"
    script.write_text(FAKE)
    made = TrainingChild({"PATH": os.environ.get("PATH", "")}, stop, command=("-I", str(script)))
    made.ensure_ready()
    yield made
    made.end()


def test_it_answers_on_one_thread(child: TrainingChild) -> None:
    assert child.ready
    assert child.order({"do": "work"}, 10) == {"ok": True, "pid": child.pid, "threads": "1"}


def test_a_process_that_dies_is_noticed_and_another_is_started(child: TrainingChild) -> None:
    first = child.pid
    with pytest.raises(ChildDied):
        child.order({"do": "die"}, 10)
    assert not child.ready
    child.ensure_ready()
    assert child.order({"do": "work"}, 10)["pid"] != first


def test_a_process_killed_between_orders_is_started_again(child: TrainingChild) -> None:
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    first = child.pid
    until(lambda: _restarted(child, first), 10, "another process")


def test_an_order_that_takes_too_long_ends_the_process(child: TrainingChild) -> None:
    with pytest.raises(ChildDied, match="no answer"):
        child.order({"do": "hang"}, 0.3)
    assert child.pid is None


def test_a_shutdown_gives_the_order_up_at_once(child: TrainingChild, stop: threading.Event) -> None:
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Interrupted):
        child.order({"do": "hang"}, 60)
    assert child.pid is None


def test_giving_up_while_waiting_ends_the_process_so_that_no_late_answer_is_mistaken(
    child: TrainingChild,
) -> None:
    def lost() -> None:
        raise RuntimeError("lease lost")

    with pytest.raises(RuntimeError):
        child.order({"do": "hang"}, 60, lost)
    assert child.pid is None and module.TICK_S < 1


def _restarted(child: TrainingChild, first: int) -> bool:
    child.ensure_ready()
    return child.pid != first


def test_it_reads_changed_model_files_once_before_its_next_order(tmp_path: Path, stop: threading.Event) -> None:
    script, orders = tmp_path / "fake_worker.py", tmp_path / "orders"
    noting = f'    open({str(orders)!r}, "a").write(order["do"] + order.get("digest", "") + " ")\n'
    script.write_text(FAKE.replace('    if order["do"] == "die"', noting + '    if order["do"] == "die"'))
    digests = ["a"]
    made = TrainingChild(
        {"PATH": os.environ.get("PATH", "")}, stop, command=("-I", str(script)), contract=lambda: digests[-1]
    )
    try:
        made.ensure_ready()
        first = made.pid
        for digest in ("a", "b", "b"):
            digests.append(digest)
            made.ensure_ready()
            made.order({"do": "work"}, 10)
        assert made.pid == first
    finally:
        made.end()
    assert orders.read_text().split() == ["work", "contractb", "work", "work"]
