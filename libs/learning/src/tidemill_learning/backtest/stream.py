"""A stream that is played again: its events in the order of their time, its labels in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidemill.contracts.model_file import DecisionCost, ModelSpec
from tidemill.rows.features import feature_inputs
from tidemill_learning.training.examples import Task
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, OBSERVED_AT, to_examples
from tidemill_learning.training.texts import distinct, with_short_texts

MS = pa.timestamp("ms", tz="UTC")


@dataclass(frozen=True, slots=True)
class Stream:
    """n labelled events.

    `rows`: a table as `join_labels` gives it, by event time. `inputs`: of a model's graph, each [n, 1]; `target`,
    `event_time`, `observed_at` [n] (epoch ms) as in `Examples`. `order` [n]: the rows in label time. `known` [n]: how
    many labels, in that order, were known when the event came; its own is never among them. `classes`: of the target,
    none of a regression; `cost`: of wrong decisions, where it is stated.
    """

    task: Task
    rows: pa.Table
    inputs: dict[str, NDArray[np.generic]]
    target: NDArray[np.generic]
    event_time: NDArray[np.int64]
    observed_at: NDArray[np.int64]
    order: NDArray[np.int64]
    known: NDArray[np.int64]
    classes: tuple[str, ...]
    cost: DecisionCost | None = None

    def __len__(self) -> int:
        return len(self.target)

    @classmethod
    def of(cls, spec: ModelSpec, labelled: pa.Table) -> Stream:
        """The stream of labelled events, in whatever order their rows stand: by time, and of one time by event id (as
        they stand where there is none). A label counts as known from its event on, not before.
        """
        rows = with_short_texts(_in_order(labelled), spec.features)
        examples = to_examples(rows, spec.features, spec.target.task)
        event_time, observed_at = examples.event_time, np.maximum(examples.observed_at, examples.event_time)
        order = np.argsort(observed_at, kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        by_then = np.searchsorted(observed_at[order], event_time, side="right")
        return cls(
            task=spec.target.task, rows=rows, inputs=feature_inputs(rows.combine_chunks(), spec.features),
            target=examples.target, event_time=event_time, observed_at=observed_at, order=order,
            known=np.minimum(by_then, rank), classes=_classes(spec.target.task, examples.target),
            cost=spec.target.cost,
        )  # fmt: skip

    def inputs_of(self, rows: slice | NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
        """The graph's inputs of some rows."""
        return {name: column[rows] for name, column in self.inputs.items()}

    def known_rows(self, labels: int) -> NDArray[np.int64]:
        """The rows of the first `labels` labels, by event time."""
        return np.sort(self.order[:labels])

    def codes(self) -> NDArray[np.int64]:
        """Per row the position of its class in `classes`, [n]."""
        if self.task == "binary":
            return self.target.astype(np.int64)
        names, positions = distinct(self.target)
        place = {name: k for k, name in enumerate(self.classes)}
        return np.array([place[str(name)] for name in names], dtype=np.int64)[positions]


def _in_order(labelled: pa.Table) -> pa.Table:
    """By event time, then by event id."""
    times = labelled.column(EVENT_TIME).cast(MS, safe=False).cast(pa.int64())
    keys = {"time": times}
    if EVENT_ID in labelled.column_names:
        keys["id"] = labelled.column(EVENT_ID)
    order = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])
    rows = labelled.take(order)
    for name in (EVENT_TIME, OBSERVED_AT):
        rows = rows.set_column(rows.schema.get_field_index(name), name, rows.column(name).cast(MS, safe=False))
    return rows


def _classes(task: Task, target: NDArray[np.generic]) -> tuple[str, ...]:
    if task == "regression":
        return ()
    return ("false", "true") if task == "binary" else tuple(str(name) for name in distinct(target)[0])
