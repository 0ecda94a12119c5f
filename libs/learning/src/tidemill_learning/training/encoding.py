"""From named inputs to the matrix that a learner reads; `encoder_graph` has the very same steps as ONNX nodes.

A category becomes a number: its rank by the target's mean among the fitted rows (target ordering after Micci-Barreca,
2001, as ranks, so that a rare category's mean cannot leak a label). A category never seen takes the place of the
average. Linear models read categories and time parts one-hot instead.

Numbers are float64 all the way, for float32 holds no second of this century and makes one of two ids. Linear models
read them scaled, with strangers clipped; forests, which are float32 within, as the distance from the median.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidemill.rows.features import TOO_LONG
from tidemill_learning.training.examples import Examples, InputSpec
from tidemill_learning.training.scaling import Frame, frame_of
from tidemill_learning.training.texts import codes_of, distinct

MAX_CATEGORIES = 1_000
"""The most frequent ones; the rest are treated as never seen. Bounds the graph whatever a stream brings."""

MAX_ONE_HOT = 64
"""Columns that one input may become for a linear model."""

SMOOTHING = 20.0
"""Rows of the overall mean that are mixed into a category's own."""

FAR = 2.0**32

LARGEST_SINGLE = 3e38
"""Below the largest float32."""

Form = Literal["trees", "single", "linear"]
"""`trees`: codes and numbers as they are, nulls left where nobody says how to fill them. `single`: every null
filled, numbers as distances that float32 can hold. `linear`: every null filled, one-hot and scaled.
"""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """A fitted input: `codes` for a category, `fill` (NaN: left missing) for a number or time part."""

    spec: InputSpec
    codes: Mapping[str, float]
    unseen: float
    fill: float
    levels: tuple[float, ...]
    """Values that a linear model reads one-hot; empty: read as a scaled number."""
    frame: Frame

    @property
    def text(self) -> bool:
        """Whether it is a category."""
        return self.spec.kind == "category"


@dataclass(frozen=True, slots=True)
class Encoder:
    """Fitted columns in graph order. Immutable. In the matrix categories stand first."""

    columns: tuple[Column, ...]
    form: Form

    @property
    def ordered(self) -> tuple[Column, ...]:
        """The columns as the matrix has them: categories, what is one-hot of the others, scaled or plain numbers."""
        return tuple(sorted(self.columns, key=lambda column: (not column.text, not column.levels)))

    def matrix(self, inputs: Mapping[str, NDArray[np.generic]]) -> Floats:
        """Float64 [n, width], C-ordered. `width` is the number of inputs, or more where it is one-hot."""
        parts = [self._spread(column, self._values(column, inputs)) for column in self.ordered]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    def sparse(self, inputs: Mapping[str, NDArray[np.generic]]) -> Any:
        """The same as `matrix`, as a `scipy.sparse` CSR matrix built without the dense one (to fit on)."""
        from scipy.sparse import csr_matrix, hstack

        parts = []
        for column in self.ordered:
            values = self._values(column, inputs)
            hot = self.form == "linear" and column.levels
            parts.append(_one_hot(column, values) if hot else csr_matrix(self._spread(column, values)))
        return hstack(parts, format="csr")

    @property
    def width(self) -> int:
        """Columns of `matrix`."""
        return sum(max(1, len(column.levels)) if self.form == "linear" else 1 for column in self.columns)

    def _values(self, column: Column, inputs: Mapping[str, NDArray[np.generic]]) -> Floats:
        values = inputs[column.spec.name].reshape(-1)
        if column.text:
            return codes_of(values, column.codes, column.unseen)
        numbers = values.astype(np.float64)
        filled: Floats = np.where(np.isnan(numbers), column.fill, numbers)
        return filled

    def _spread(self, column: Column, values: Floats) -> Floats:
        if column.text and self.form != "linear":
            return values[:, None]
        if self.form == "linear" and (column.levels or column.text):
            hot: Floats = (values[:, None] == np.array(column.levels)[None, :]).astype(np.float64)
            return hot
        return numbers_of(self.form, [column], values[:, None])


def numbers_of(form: Form, columns: Sequence[Column], values: Floats) -> Floats:
    """Numbers [n, k] without nulls to fill, one of `columns` each, as the learner reads them."""
    centre = np.array([column.frame.centre for column in columns])
    with np.errstate(over="ignore"):
        if form == "trees":
            moved: Floats = values - centre
            return moved
        if form == "single":
            near: Floats = np.clip(values - centre, -LARGEST_SINGLE, LARGEST_SINGLE).astype(np.float32).astype(float)
            return near
    frames = [column.frame for column in columns]
    strange = (values < np.array([f.least for f in frames])) | (values > np.array([f.most for f in frames]))
    known = np.where(strange, np.array([column.fill for column in columns]), values)
    within = np.minimum(np.maximum(known, np.array([f.low for f in frames])), np.array([f.high for f in frames]))
    scaled: Floats = (within - centre) / np.array([f.scale for f in frames])
    return scaled


def fit_encoder(examples: Examples, specs: Sequence[InputSpec], form: Form) -> Encoder:
    """Learn codes, fills and frames from the examples."""
    score = _ordering_score(examples.target)
    columns = [
        _fit_category(spec, examples.inputs[spec.name], score)
        if spec.kind == "category"
        else _fit_number(spec, examples.inputs[spec.name].reshape(-1).astype(np.float64), form)
        for spec in specs
    ]
    return Encoder(tuple(columns), form)


def _ordering_score(target: NDArray[np.generic]) -> Floats:
    """What categories are ranked by: the target itself, strangers clipped, or for classes the share of the most
    frequent one.
    """
    if target.dtype.kind == "f":
        values = target.astype(np.float64)
        frame = frame_of(values)
        return (np.clip(values, frame.low, frame.high) - frame.centre) / frame.scale
    if target.dtype.kind in "ib":
        return target.astype(np.float64)
    _, positions = distinct(target)
    most: Floats = (positions == np.argmax(np.bincount(positions))).astype(np.float64)
    return most


def _fit_category(spec: InputSpec, values: NDArray[np.generic], score: Floats) -> Column:
    names, positions = distinct(values)
    counts = np.bincount(positions, minlength=len(names)).astype(np.float64)
    sums = np.bincount(positions, weights=score, minlength=len(names))
    overall = float(score.mean())
    means = (sums + SMOOTHING * overall) / (counts + SMOOTHING)
    frequent = [k for k in np.argsort(-counts, kind="stable").tolist() if names[k] != TOO_LONG]
    kept = np.sort(np.array(frequent[:MAX_CATEGORIES], dtype=np.int64))
    ranked = kept[np.argsort(means[kept], kind="stable")]
    codes = {names[position]: float(rank) for rank, position in enumerate(ranked)} or {TOO_LONG: 0.0}
    unseen = float(np.searchsorted(means[ranked], overall)) - 0.5
    levels = tuple(sorted(codes[names[position]] for position in frequent[:MAX_ONE_HOT])) or (0.0,)
    return Column(spec, codes, unseen, float("nan"), levels, Frame())


def _fit_number(spec: InputSpec, values: Floats, form: Form) -> Column:
    known = values[np.isfinite(values)]
    median = float(np.median(known / 2) * 2) if len(known) else 0.0
    left = form == "trees" and spec.missing is None
    fill = float("nan") if left else 0.0 if spec.missing == "zero" else median
    levels = tuple(np.unique(known).tolist()) if form == "linear" and spec.kind == "time" else ()
    centre = median if form == "single" or _far(known, median) else 0.0
    frame = frame_of(known) if form == "linear" else Frame(centre=centre)
    return Column(spec, {}, 0.0, fill, levels if len(levels) <= MAX_ONE_HOT else (), frame)


def _far(known: Floats, median: float) -> bool:
    """Whether boosting reads the numbers as distances from their median. It puts a threshold in the middle of two
    neighbours, and far from zero there is none in their middle; where all lie within a factor of two of the median, no
    difference loses a bit (Sterbenz, 1974).
    """
    return abs(median) >= FAR and bool((known / median >= 0.5).all() and (known / median <= 2.0).all())


def _one_hot(column: Column, values: Floats) -> Any:
    from scipy.sparse import csr_matrix

    levels = np.array(column.levels)
    at = np.minimum(np.searchsorted(levels, values), len(levels) - 1)
    rows = np.flatnonzero(levels[at] == values)
    ones = np.ones(len(rows))
    return csr_matrix((ones, (rows, at[rows])), shape=(len(values), len(levels)))
