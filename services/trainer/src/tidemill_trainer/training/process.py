"""The training process as its parent sees it: start, order, wait, end."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidemill.errors import TidemillError
from tidemill_trainer import metrics
from tidemill_trainer.footprint import MEMORY_ENVIRONMENT

_log = logging.getLogger(__name__)

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""A training leaves the other cores to those who serve; the variables must be set before numpy is imported."""

START_TIMEOUT_S = 180.0
"""Imports of scikit-learn and MLflow, and MLflow's first migration, on a slow disk."""

CONTRACT_TIMEOUT_S = 60.0

TICK_S = 0.1


QUIET = {"MLFLOW_CONFIGURE_LOGGING": "0", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
"""MLflow writes plain lines to stderr otherwise, and calls home."""


_PASSED_ON = (
    "schemas", "models_dir", "artifacts", "mlflow_tracking_uri", "mlflow_keep_runs", "log_level", "git_sha",
    "signatures", "trusted_keys", "signing_key", "signing_service", "proof_timeout_s", "proof_memory_mb",
    "trusted_identities", "sigstore_trust_root", "signing_identity_token_file",
)  # fmt: skip


class ChildDied(TidemillError):
    """The training process ended, or had to be ended, before it answered."""


class Interrupted(TidemillError):
    """The trainer shuts down: the order was given up."""


class TrainingChild:
    """Owns the process. One thread uses it; `ready` may be asked from any."""

    def __init__(
        self,
        environment: Mapping[str, str],
        stop: threading.Event,
        command: Sequence[str] = ("-m", "tidemill_trainer.training.process_main"),
        contract: Callable[[], str] = lambda: "",
    ) -> None:
        """`command`: arguments of the Python interpreter; `contract`: the digest of the model files at work."""
        self._environment = dict(environment) | ONE_THREAD | QUIET | MEMORY_ENVIRONMENT
        self._stop = stop
        self._command = [sys.executable, *command]
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._begun = 0
        self._contract, self._reads = contract, contract()
        self.ready = False

    @property
    def pid(self) -> int | None:
        """Process id while there is one."""
        return self._process.pid if self._process is not None else None

    def ensure_ready(self) -> None:
        """Start the process if there is none, and wait until it is warm; it has read the model files that are at work.
        Raises `ChildDied`, `Interrupted`.
        """
        if self._process is not None and self._process.poll() is None and self.ready:
            self._renew()
            return
        self.end()
        self._reads = self._contract()
        if self._begun:
            metrics.CHILD_RESTARTS.inc()
        self._begun += 1
        self._answers = queue.SimpleQueue()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env=self._environment, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=_read, args=(self._process, self._answers), name="child-answers", daemon=True).start()
        first = self._wait(START_TIMEOUT_S, None)
        _log.info("the training process is warm after %.1f s", first.get("seconds", 0.0))
        self.ready = True

    def _renew(self) -> None:
        wanted = self._contract()
        if wanted == self._reads:
            return
        answer = self.order({"do": "contract", "digest": wanted}, CONTRACT_TIMEOUT_S)
        self._reads = wanted
        if not answer["ok"]:
            _log.warning("the training process goes on by the model files that it had: %s", answer["error"])

    def order(
        self, line: Mapping[str, Any], timeout_s: float, while_waiting: Callable[[], None] | None = None
    ) -> dict[str, Any]:
        """Give an order and wait for its answer; `while_waiting` is called every tick and may raise to give up.

        Raises `ChildDied` (the process is ended then), `Interrupted` (on shutdown; ended too).
        """
        process = self._process
        if process is None or process.stdin is None:
            raise ChildDied("there is no training process")
        try:
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
        except (BrokenPipeError, OSError) as error:
            self.end()
            raise ChildDied("the training process is gone") from error
        try:
            return self._wait(timeout_s, while_waiting)
        except BaseException:
            self.end()  # an answer to an order that was given up must not be taken for the next one's
            raise

    def end(self) -> None:
        """End the process at once: it holds nothing that must be saved."""
        self.ready = False
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close_quietly(pipe)

    def _wait(self, timeout_s: float, while_waiting: Callable[[], None] | None) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._stop.is_set():
                self.end()
                raise Interrupted("the trainer shuts down")
            try:
                answer = self._answers.get(timeout=TICK_S)
            except queue.Empty:
                if while_waiting is not None:
                    while_waiting()
                continue
            if answer is None:
                self.end()
                raise ChildDied("the training process ended in the midst of its work")
            return answer
        self.end()
        raise ChildDied(f"the training process gave no answer in {timeout_s:.0f} s")


def child_environment(settings: Any) -> dict[str, str]:
    """The parent's environment with the settings that it runs by, however they were given."""
    environment = dict(os.environ)
    for name in _PASSED_ON:
        value = getattr(settings, name)
        environment[f"TIDEMILL_{name.upper()}"] = "" if value is None else str(value)
    environment["TIDEMILL_MODELS"] = ",".join(settings.models)
    return environment


def _read(process: subprocess.Popen[str], answers: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            answers.put(json.loads(line))
    except ValueError as error:
        _log.warning("the training process gave an answer that cannot be read: %s", error)
    answers.put(None)


def _close_quietly(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError as error:
        _log.debug("a pipe to the training process closed with %s", error)
