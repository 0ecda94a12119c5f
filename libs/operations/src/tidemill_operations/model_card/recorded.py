"""What a model card tells, and where each of it is recorded: one line for each, so that what is recorded later is one
line more.

A place is a dotted path into the card's documents: `manifest` and `reference` of the artifact, `run` and `request` of
its training, `file` (the model file as it is now), and a few by themselves. Of several places the first that has
something counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Form = Literal["plain", "moment", "span", "share"]

WHAT, DATA, DECISION, LINEAGE = "What it is", "What it learned from", "How it decides", "Where it comes from"
SECTIONS = (WHAT, DATA, DECISION, LINEAGE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a card. `form`: how its value is to be read; moment and span are epoch ms."""

    section: str
    label: str
    places: tuple[str, ...]
    form: Form = "plain"


ENTRIES = (
    Entry(WHAT, "task", ("manifest.task",)),
    Entry(WHAT, "target", ("file.target.label",)),
    Entry(WHAT, "classes", ("manifest.classes",)),
    Entry(WHAT, "owner", ("file.owner",)),
    Entry(WHAT, "made at", ("manifest.created_at",), "moment"),
    Entry(WHAT, "digest of its manifest", ("digest",)),
    Entry(WHAT, "artifact", ("uri",)),
    Entry(WHAT, "training run", ("manifest.run_id",)),
    Entry(WHAT, "MLflow run", ("manifest.tracking_run",)),
    Entry(DATA, "rows fitted on", ("reference.rows",)),
    Entry(DATA, "rows held out", ("reference.held_out_rows",)),
    Entry(DATA, "event time of the rows", ("reference.event_time",), "span"),
    Entry(DATA, "which rows", ("manifest.window",)),
    Entry(DATA, "known until", ("manifest.lineage.cut_off",), "moment"),
    Entry(DATA, "table", ("manifest.data_set.table_uri",)),
    Entry(DATA, "table version", ("manifest.data_set.table_version",)),
    Entry(DATA, "content hash", ("manifest.lineage.content", "manifest.data_set.content")),
    Entry(DECISION, "true from a probability of", ("decides_at",)),
    Entry(DECISION, "what wrong decisions cost", ("file.target.cost",)),
    Entry(DECISION, "cost of a decision", ("manifest.metrics.cost",)),
    Entry(DECISION, "weights of classes", ("manifest.class_weights", "file.class_weights")),
    Entry(DECISION, "precision", ("manifest.metrics.precision",), "share"),
    Entry(DECISION, "recall", ("manifest.metrics.recall",), "share"),
    Entry(DECISION, "PR-AUC", ("manifest.metrics.pr_auc",)),
    Entry(LINEAGE, "cause", ("run.cause", "manifest.lineage.cause")),
    Entry(LINEAGE, "mixture of", ("mixture",)),
    Entry(LINEAGE, "asked for by", ("request.requested_by",)),
    Entry(LINEAGE, "version that served then", ("manifest.lineage.parent", "parent")),
    Entry(LINEAGE, "change point", ("manifest.change_point.event_time", "run.change_point.event_time"), "moment"),
    Entry(LINEAGE, "seed", ("manifest.lineage.recipe.seed",)),
    Entry(LINEAGE, "code revision", ("manifest.git_sha",)),
    Entry(LINEAGE, "libraries", ("manifest.libraries",)),
    Entry(LINEAGE, "environment", ("manifest.lineage.environment",)),
)

IMPORTANCES = ("manifest.importances", "reference.importances")
"""By feature, where they are recorded."""


def recorded(documents: Mapping[str, Any], places: tuple[str, ...]) -> Any:
    """What stands at the first place that has something; None where nothing is recorded. 0 and False are something,
    empty text, lists and mappings are not.

    >>> recorded({"manifest": {"lineage": None, "git_sha": "", "metrics": {"cost": 0.0}}},
    ...          ("manifest.lineage.cause", "manifest.git_sha", "manifest.metrics.cost"))
    0.0
    """
    for place in places:
        found: Any = documents
        for name in place.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        if found is not None and not (hasattr(found, "__len__") and not len(found)):
            return found
    return None
