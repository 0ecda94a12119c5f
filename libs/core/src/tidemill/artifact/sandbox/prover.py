"""Have a model proved in a process that may die, before this one loads it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.artifact.golden import Golden
from tidemill.artifact.manifest import Manifest
from tidemill.artifact.onnx_model import CheckedGraph
from tidemill.artifact.sandbox.process_main import JOB, LENGTH, READY, receive
from tidemill.artifact.sandbox.proof import BATCH

START_TIMEOUT_S = 60.0
"""Imports of numpy and ONNX Runtime on a busy machine."""
GRACE_S = 5.0
"""What a child needs beside its time to begin and to answer."""
MEMORY_PER_GRAPH_BYTE = 6
"""ONNX Runtime reads a graph, builds its own form of it, and packs weights anew."""
MOST_ANSWER_BYTES = 1 << 20
"""A yes, or a reason: the process has run what is not trusted."""
KEPT_PROOFS = 1_000
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_FRUGAL = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one proof may take: seconds by the clock, and bytes beside what a graph of its size needs."""

    timeout_s: float = 30.0
    memory_bytes: int = 1 << 30


class Prover:
    """A warm process that proves models. Any thread may use it, several at once.

    `start` begins it without waiting; the first proof does so else. It is started anew where it has ended.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._greeted = False
        self._proved: dict[str, None] = {}

    def __enter__(self) -> Prover:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin the process; it warms up beside all else. Raises OSError."""
        with self._lock:
            self._begin()

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._end()

    def prove(
        self, graph: CheckedGraph, manifest: Manifest, golden: Golden, *, repeats: bool = True, batch: int = BATCH,
        name: str = "",
    ) -> None:  # fmt: skip
        """Load the graph there, hold it against its golden rows (unless not `repeats`: then only their inputs count)
        and prove it by `tidemill.artifact.sandbox.proof.prove`.

        `name`: what is proved, such as the digest of its manifest; what came through under a name is not proved again.
        Raises ArtifactError where it did not come through, also because it took too long or too much memory, or
        crashed; OSError where no process can be had.
        """
        if name and name in self._proved:
            return
        try:
            self._ask(graph, manifest, golden, repeats, batch)
        except ArtifactError:
            graph.close()
            raise
        if name:
            self._proved[name] = None
            while len(self._proved) > KEPT_PROOFS:
                self._proved.pop(next(iter(self._proved)), None)

    def _ask(self, graph: CheckedGraph, manifest: Manifest, golden: Golden, repeats: bool, batch: int) -> None:
        """Raises what `prove` does. Where the process itself has ended, another one is asked, once."""
        for again in (True, False):
            began = time.monotonic()
            try:
                answer = self._answer(graph, manifest, golden, repeats, batch)
            except (EOFError, TimeoutError):
                if again and self._has_ended():
                    continue
                raise ArtifactError(self._died(time.monotonic() - began), Reason.PROOF) from None
            if not answer["fit"]:
                raise ArtifactError(answer["error"], Reason(answer["reason"]))
            return

    def _has_ended(self) -> bool:
        """Whether the process is gone, and not only the child that it forked."""
        with self._lock:
            return self._hung_up()

    def _hung_up(self) -> bool:
        if self._control is None:
            return True
        try:
            return self._control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _answer(
        self, graph: CheckedGraph, manifest: Manifest, golden: Golden, repeats: bool, batch: int
    ) -> dict[str, Any]:
        header = {
            "memory": self._bounds.memory_bytes + MEMORY_PER_GRAPH_BYTE * graph.size, "repeats": repeats, "batch":
            batch,
        }  # fmt: skip
        with self._job() as job:
            job.settimeout(self._bounds.timeout_s + GRACE_S)
            try:
                graph.pass_on(job)
                for block in (json.dumps(header).encode(), manifest.to_bytes(), golden.to_bytes(), *graph.rest):
                    job.sendall(LENGTH.pack(len(block)) + block)
            except (BrokenPipeError, ConnectionResetError):
                raise EOFError from None
            try:
                answer: dict[str, Any] = json.loads(receive(job, MOST_ANSWER_BYTES))
            except (ConnectionResetError, ValueError, RecursionError):  # what it says is nothing that it was taught
                raise EOFError from None
        return answer

    def _job(self) -> socket.socket:
        """Our end of a new child's socket. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            for again in (True, False):
                try:
                    with self._lock:
                        control = self._ready()
                        socket.send_fds(control, [JOB.pack(self._bounds.timeout_s)], [theirs.fileno()])
                    return ours
                except OSError:
                    with self._lock:
                        self._end()
                    if not again:
                        ours.close()
                        raise
        raise AssertionError("one of two tries has ended it")

    def _ready(self) -> socket.socket:
        """The control socket of a process that has said that it is warm. Raises OSError."""
        self._begin()
        control = self._control
        assert control is not None
        if not self._greeted:
            control.settimeout(START_TIMEOUT_S)
            found = control.recv(len(READY), socket.MSG_WAITALL)
            if found != READY:
                raise OSError("the process in which models are proved does not start")
            control.settimeout(None)
            self._greeted = True
        return control

    def _begin(self) -> None:
        if self._process is not None and self._process.poll() is None and not self._hung_up():
            return
        self._end()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tidemill.artifact.sandbox.process_main", str(theirs.fileno())],
                    env=_environment(), pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        self._control = ours

    def _end(self) -> None:
        control, self._control = self._control, None
        process, self._process = self._process, None
        self._greeted = False
        if control is not None:
            control.close()
        if process is not None:
            process.kill()
            process.wait()

    def _died(self, seconds: float) -> str:
        if seconds >= self._bounds.timeout_s:
            return f"the model was not proved within {self._bounds.timeout_s:g} s: does a loop in its graph not end?"
        return (
            "the model ended the process in which it was proved: it wants more memory than "
            f"{self._bounds.memory_bytes >> 20} MiB beside its weights, or crashes ONNX Runtime"
        )


def _environment() -> dict[str, str]:
    """No secret of this process is given to one that may be made to tell it."""
    kept = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("PYTHON")}
    return kept | _FRUGAL
