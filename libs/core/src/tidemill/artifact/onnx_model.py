"""A graph under ONNX Runtime, with the shape of its scores settled by the manifest."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.artifact.manifest import Manifest
from tidemill.artifact.sandbox.graph_guard import check_graph, prepare_guard
from tidemill.artifact.sandbox.sealed import SealedFile

MAX_ROWS_AT_ONCE = 16_384
"""Bounds the memory of one run; larger batches are scored in slices."""

TOGETHER, TRIES = 8, 5
"""Rows and repeats by which it is found whether batches pay."""

LONGEST_RUN_S = 10.0
"""Of a graph that repeats nodes: so long one call may take."""
_REPEATING = frozenset({"Loop", "Scan"})

_SINGLE = "tensor(float)"
_TENSORS = {"category": ("tensor(string)",), "number": ("tensor(double)", _SINGLE)}
_SCORES = ("tensor(float)", "tensor(double)")
_FATAL_ONLY = 4  # ONNX Runtime's own log: what it has to say comes as an exception too


class CheckedGraph:
    """A graph that check_graph has let through, held where nobody can change it: whoever fetched its bytes may let them
    go before ONNX Runtime takes as much memory again.
    """

    def __init__(self, data: bytes) -> None:
        """Raises ArtifactError for a graph that check_graph refuses."""
        self.repeats = bool(check_graph(data) & _REPEATING)
        """Whether how long it runs may depend on what it is asked."""
        self.size = len(data)
        self._sealed = SealedFile.of(data)
        self._data = data if self._sealed is None else b""

    def session(self, threads: int) -> Any:
        """ONNX Runtime's session of it; to be asked for once. Raises ArtifactError where there is none."""
        if self._sealed is None:
            return graph_session(self._data, threads)
        sealed, self._sealed = self._sealed, None
        try:
            return graph_session(sealed.path, threads)
        finally:
            sealed.close()

    def close(self) -> None:
        """Let it go without loading it."""
        sealed, self._sealed, self._data = self._sealed, None, b""
        if sealed is not None:
            sealed.close()

    def pass_on(self, to: socket.socket) -> None:
        """Send one byte, and with it the sealed file, where there is one; else its bytes are in `rest`."""
        descriptors = [] if self._sealed is None else [self._sealed.descriptor]
        socket.send_fds(to, [b"g"], descriptors)

    @property
    def rest(self) -> tuple[bytes, ...]:
        """The bytes, where no sealed file holds them."""
        return (self._data,) if self._sealed is None else ()


class OnnxModel:
    """A loaded model. Once it is warm it never changes and may be used by many threads at once."""

    def __init__(self, session: Any, manifest: Manifest, graph_bytes: int = 0) -> None:
        """Use `OnnxModel.load`, which checks what this does not. `graph_bytes`: the size of the graph's file."""
        self._session = session
        self.graph_bytes = graph_bytes
        self._manifest = manifest
        self.gains_by_batches = False
        """Whether rows of several requests are better scored in one call; found by `warm_up`."""
        self._repeats = False
        self._names = tuple(manifest.inputs)
        self._singles = tuple(tensor.name for tensor in session.get_inputs() if tensor.type == _SINGLE)
        self._outputs = [manifest.output]
        self._width = len(manifest.classes) or 1
        self._positive = manifest.classes.index(manifest.positive_class) if manifest.positive_class else None

    @classmethod
    def load(cls, data: bytes, manifest: Manifest, threads: int = 1) -> OnnxModel:
        """Load the graph in `data`, never a file of others, on the CPU.

        Raises ArtifactError for a graph that check_graph refuses, that ONNX Runtime does not load, or whose
        inputs and outputs are not those of the manifest.
        """
        return cls.of(CheckedGraph(data), manifest, threads)

    @classmethod
    def of(cls, graph: CheckedGraph, manifest: Manifest, threads: int = 1) -> OnnxModel:
        """Load a checked graph, once. Raises ArtifactError as `load` does."""
        model = cls.checked(graph.session(threads), manifest, graph.size)
        model._repeats = graph.repeats
        return model

    @classmethod
    def checked(cls, session: Any, manifest: Manifest, graph_bytes: int = 0) -> OnnxModel:
        """A session whose inputs and outputs are those of the manifest. Raises ArtifactError."""
        _check_signature(session, manifest)
        return cls(session, manifest, graph_bytes)

    def warm_up(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Score rows of `inputs` alone and together, as requests will come, and find out what pays: a graph of boosted
        trees takes a batch for little more than one row, a deep forest may take longer for it. Raises ArtifactError.
        """
        alone = {name: values[:1] for name, values in inputs.items()}
        together = {name: np.resize(values, (TOGETHER, 1)) for name, values in inputs.items()}
        self.gains_by_batches = self._fastest_s(together) < TOGETHER * self._fastest_s(alone)

    def _fastest_s(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> float:
        def timed() -> float:
            started = time.perf_counter()
            self.score(inputs)
            return time.perf_counter() - started

        return min(timed() for _ in range(TRIES))

    @property
    def manifest(self) -> Manifest:
        """What the model is."""
        return self._manifest

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Scores of n rows (n = 0 too) as float64; inputs as `tidemill.rows.features.feature_inputs` makes them. A
        graph that declares float where a double comes is given the nearest float, and NaN for what no float can hold.

        binary [n]: the probability of the positive class. multiclass [n, C]: in the order of the manifest's
        classes. regression [n].

        Raises ArtifactError when the graph fails or answers another shape.
        """
        scores = self.answers(inputs)
        return scores if self._manifest.task == "multiclass" else scores[:, self._positive or 0]

    def answers(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """What the graph answers to n rows: [n, C], in the order of the manifest's classes, of a binary model too; [n,
        1] of a regression. Raises ArtifactError as `score` does.
        """
        feeds = self._feeds(inputs)
        n = len(feeds[self._names[0]])
        return self._run(feeds) if 0 < n <= MAX_ROWS_AT_ONCE else self._run_in_slices(feeds, n)

    def other_output(self, name: str, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """Another output of the graph for n rows, as it is. Raises ArtifactError when the graph fails."""
        try:
            (found,) = self._session.run([name], self._feeds(inputs))
        except Exception as error:  # the runtime's exceptions share no base of their own
            raise ArtifactError(f"the model's output {name!r} failed: {error}", Reason.GRAPH) from error
        return np.asarray(found)

    def _feeds(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
        feeds = {name: inputs[name] for name in self._names}
        for name in self._singles:
            feeds[name] = _single(feeds[name])
        return feeds

    def _run_in_slices(self, feeds: Mapping[str, Any], n: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        parts = [
            self._run({name: values[start : start + MAX_ROWS_AT_ONCE] for name, values in feeds.items()})
            for start in range(0, n, MAX_ROWS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self._width))

    def _run(self, feeds: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
        n = len(feeds[self._names[0]])
        try:
            (raw,) = self._bounded(feeds) if self._repeats else self._session.run(self._outputs, feeds)
        except Exception as error:  # the runtime's exceptions share no base of their own
            raise ArtifactError(f"the model failed on {n} rows: {error}", Reason.GRAPH) from error
        scores = np.asarray(raw, dtype=np.float64)
        if scores.ndim == 1:
            scores = scores.reshape(-1, 1)
        if scores.shape != (n, self._width):
            raise ArtifactError(f"the model answered {scores.shape}, not {(n, self._width)}", Reason.SIGNATURE)
        return scores

    def _bounded(self, feeds: dict[str, Any]) -> Any:
        """One run that is broken off after LONGEST_RUN_S: what a row says may keep a loop in the graph going."""
        import onnxruntime as ort

        options = ort.RunOptions()
        options.log_severity_level = _FATAL_ONLY
        timer = threading.Timer(LONGEST_RUN_S, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            return self._session.run(self._outputs, feeds, options)
        finally:
            timer.cancel()


def _single(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    with np.errstate(over="ignore"):
        singles: np.ndarray[Any, np.dtype[np.float32]] = values.astype(np.float32)
    singles[np.isinf(singles)] = np.nan
    return singles


def prepare_runtime() -> None:
    """Import what every load needs (some 35 MB), so that it does not count as the first model's."""
    import onnxruntime  # noqa: F401

    prepare_guard()


def graph_session(source: bytes | str, threads: int) -> Any:
    """ONNX Runtime's session of a graph that was checked: its bytes, or a path where nobody changes it. Raises
    ArtifactError.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # which is what check_graph has read
    options.log_severity_level = _FATAL_ONLY
    try:
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions share no base of their own
        raise ArtifactError(f"ONNX Runtime does not load the model: {error}", Reason.GRAPH) from error


def _check_signature(session: Any, manifest: Manifest) -> None:
    found = {tensor.name: (tensor.type, len(tensor.shape)) for tensor in session.get_inputs()}
    wanted = {name: (_TENSORS[kind], 2) for name, kind in manifest.inputs.items()}
    if found.keys() != wanted.keys() or any(
        found[name][0] not in kinds or found[name][1] != rank for name, (kinds, rank) in wanted.items()
    ):
        raise ArtifactError(f"the graph's inputs are {found}, the manifest's {wanted}", Reason.SIGNATURE)
    outputs = {tensor.name: tensor.type for tensor in session.get_outputs()}
    if outputs.get(manifest.output) not in _SCORES:
        raise ArtifactError(f"the graph has no numeric output {manifest.output!r}: {outputs}", Reason.SIGNATURE)
