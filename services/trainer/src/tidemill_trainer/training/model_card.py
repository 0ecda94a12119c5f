"""The model card (Mitchell et al., 2019) of a version, from its manifest and reference. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tidemill.artifact import Manifest, told_mixture
from tidemill.contracts.model_file import ModelSpec

LIMITS = (
    "A category that is not among those of the training is read as never seen, a number that is missing as the graph "
    "has learned it. Scores hold for rows like those of the time above; drift is watched against `reference.json`."
)


def model_card(spec: ModelSpec, manifest: Manifest, reference: Mapping[str, Any], how: str) -> str:
    """Markdown. `how`: one sentence on how it came to be (the gate's verdict, or where it was imported from)."""
    parts = [
        f"# {manifest.model}, version {manifest.version}",
        spec.description or "",
        how,
        _table("What it is", _identity(spec, manifest)),
        _table("How good it was on rows that it was not fitted on", _metrics(manifest)),
        _table("What it was made from", _data(manifest, reference)),
        "## Inputs\n\n" + "\n".join(f"- `{name}`: {kind}" for name, kind in manifest.inputs.items()),
        f"## Limits\n\n{LIMITS}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _identity(spec: ModelSpec, manifest: Manifest) -> dict[str, object]:
    return {
        "task": manifest.task,
        "target": spec.target.label,
        "classes": ", ".join(manifest.classes[:50]),
        "says true from": f"a probability of {manifest.decides_at:.4g} on" if manifest.task == "binary" else "",
        "cost of a wrong decision": _costs(spec),
        "weights of classes": ", ".join(f"{name} {weight:.4g}" for name, weight in manifest.class_weights.items()),
        "owner": spec.owner or "",
        "made at": _moment(manifest.created_at),
        "training run": manifest.run_id,
        "code": manifest.git_sha,
        "libraries": ", ".join(f"{name} {number}" for name, number in manifest.libraries.items()),
    }


def _costs(spec: ModelSpec) -> str:
    cost = spec.target.cost
    return "" if cost is None else f"false positive {cost.false_positive:g}, false negative {cost.false_negative:g}"


def _metrics(manifest: Manifest) -> dict[str, object]:
    return {name: f"{value:.5g}" for name, value in sorted(manifest.metrics.items())}


def _data(manifest: Manifest, reference: Mapping[str, Any]) -> dict[str, object]:
    first, last = reference.get("event_time", (0, 0))
    data_set = manifest.data_set
    offsets = [
        f"{one['topic']}/{one['partition']}: {one['first']} to {one['last']}" for one in data_set.get("offsets", [])
    ]
    return {
        "table": data_set.get("table_uri", ""),
        "table version": data_set.get("table_version", "") if data_set.get("table_uri") else "",
        "rows fitted on": reference.get("rows", ""),
        "rows held out": reference.get("held_out_rows", ""),
        "time of the events": f"{_moment(first)} to {_moment(last)}",
        "offsets": "; ".join(offsets)[:4_000],
        "since the change at": _moment(manifest.change_point["event_time"]) if manifest.change_point else "",
        **_lineage(manifest),
    }


def _lineage(manifest: Manifest) -> dict[str, object]:
    lineage = manifest.lineage
    if lineage is None:
        return {}
    return {
        "cause": lineage.cause,
        "mixture of": told_mixture(manifest.shares) if manifest.mixture else "",
        "version that served then": lineage.parent or "",
        "SHA-256 of the labelled rows": lineage.content,
        "seed": lineage.recipe.get("seed", ""),
        "environment": ", ".join(f"{name} {said}" for name, said in lineage.environment.items() if said),
    }


def _table(title: str, rows: Mapping[str, object]) -> str:
    shown = [f"| {name} | {str(value).replace('|', '/')} |" for name, value in rows.items() if value != ""]
    return "\n".join([f"## {title}", "", "| | |", "|---|---|", *shown]) if shown else ""


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="seconds")
