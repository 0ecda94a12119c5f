from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import psutil
import pytest

from tests.support.models import odd_graphs
from tests.support.models.toy_models import sigmoid_graph, toy_manifest
from tests.support.polling import until
from tidemill.artifact import ArtifactError, Bounds, CheckedGraph, Golden, OnnxModel, Prover, Reason, onnx_model
from tidemill.artifact.sandbox.process_main import LENGTH, receive

MANIFEST = toy_manifest("toy", 1, "x")
VALUES = np.array([[0.5], [1.0], [-1.0]], dtype=np.float32)
GOLDEN = Golden({"x": VALUES}, 1 / (1 + np.exp(-VALUES[:, 0].astype(np.float64))))
OTHERWISE = replace(GOLDEN, scores=GOLDEN.scores + np.array([0.0, 0.1, 0.1]))
TIMEOUT_S = 3.0


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover(Bounds(TIMEOUT_S, 512 << 20)) as prover:
        prover.start()
        prove(prover, sigmoid_graph("x", 1.0))
        yield prover


def prove(prover: Prover, graph: bytes, **how: object) -> None:
    prover.prove(CheckedGraph(graph), MANIFEST, GOLDEN, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("graph", [odd_graphs.endless_loop, odd_graphs.loops_in_loops])
def test_a_graph_that_does_not_end_is_ended_in_its_time(prover: Prover, graph: Callable[[], bytes]) -> None:
    began = time.monotonic()
    with pytest.raises(ArtifactError, match="not proved within 3 s: does a loop") as found:
        prove(prover, graph())
    assert found.value.reason is Reason.PROOF
    assert time.monotonic() - began < TIMEOUT_S + 4
    children = psutil.Process(prover.pid).children
    until(lambda: not children(), 5, "what did not end is gone")
    prove(prover, sigmoid_graph("x", 1.0))


@pytest.mark.parametrize(
    "graph", [odd_graphs.huge_constant, odd_graphs.huge_tile, odd_graphs.huge_expand, odd_graphs.huge_range]
)
def test_a_graph_that_wants_all_memory_gets_none_and_this_process_lives(
    prover: Prover, graph: Callable[[], bytes]
) -> None:
    with pytest.raises(ArtifactError) as found:
        prove(prover, graph())
    assert found.value.reason in (Reason.PROOF, Reason.GRAPH)
    prove(prover, sigmoid_graph("x", 1.0))


def test_what_the_process_finds_is_raised_here_with_its_reason(prover: Prover) -> None:
    with pytest.raises(ArtifactError, match="golden rows: 2 of 3 scores differ") as golden:
        prover.prove(CheckedGraph(sigmoid_graph("x", 1.0)), MANIFEST, OTHERWISE)
    assert golden.value.reason is Reason.GOLDEN
    with pytest.raises(ArtifactError, match="Logits") as scores:
        prove(prover, odd_graphs.logits(), repeats=False)
    assert scores.value.reason is Reason.SCORES
    with pytest.raises(ArtifactError, match="inputs are") as signature:
        prove(prover, sigmoid_graph("y", 1.0))
    assert signature.value.reason is Reason.SIGNATURE


def test_what_was_proved_by_name_is_not_proved_again(prover: Prover) -> None:
    prove(prover, sigmoid_graph("x", 1.0), name="digest")
    before = prover.pid
    os.kill(before or 0, signal.SIGKILL)
    prove(prover, odd_graphs.endless_loop(), name="digest")
    assert prover.pid == before, "nobody was asked"
    prove(prover, sigmoid_graph("x", 1.0))
    assert prover.pid != before, "it was started anew"


def test_a_hanging_proof_holds_up_no_other(prover: Prover) -> None:
    refused: list[ArtifactError] = []

    def hang() -> None:
        with pytest.raises(ArtifactError) as found:
            prove(prover, odd_graphs.endless_loop())
        refused.append(found.value)

    threads = [threading.Thread(target=hang) for _ in range(2)]
    for thread in threads:
        thread.start()
    prove(prover, sigmoid_graph("x", 1.0))
    assert not refused, "the quick one was first"
    for thread in threads:
        thread.join(30)
    assert len(refused) == 2


def test_secrets_of_this_process_are_not_given_to_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMILL_KAFKA_SASL_PASSWORD", "hidden")
    with Prover() as prover:
        prover.start()
        found = psutil.Process(prover.pid).environ()
    assert "hidden" not in found.values() and found["OMP_NUM_THREADS"] == "1"


def test_a_loop_that_a_row_keeps_going_is_broken_off_while_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_model, "LONGEST_RUN_S", 0.5)
    model = OnnxModel.load(odd_graphs.loop_by_its_input(), MANIFEST)
    assert model.score({"x": VALUES}).tolist() == pytest.approx(GOLDEN.scores.tolist())
    began = time.monotonic()
    with pytest.raises(ArtifactError, match="terminate"):
        model.score({"x": np.array([[1e15]], dtype=np.float32)})
    assert time.monotonic() - began < 5


def test_a_block_that_says_it_is_endless_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(LENGTH.pack(1 << 60) + b"x")
        with pytest.raises(EOFError, match="at most 100"):
            receive(ours, 100)
        theirs.sendall(LENGTH.pack(100) + bytes(100))
        assert ours.recv(1) == b"x"
        assert receive(ours, 100) == bytes(100)
