"""What serves, for people and for the demo."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_inference.serving.serving import Serving, Swap


def describe(endpoint: ModelEndpoint, *, history: bool) -> dict[str, Any]:
    """One model as JSON: its task and, once a version serves, that version with its inputs and times.

    `published_at` is when the event was appended to model-versions, `swap_ms` how long it took from then to serving
    (null where the process started later). `loaded`: whether it is in memory; if not, it is loaded when it is asked.
    With `history` all switches since the process began, oldest first, and the record that instances are held against.
    """
    spec = endpoint.spec
    serving = endpoint.predictor.serving
    document: dict[str, Any] = {"name": spec.name, "task": spec.target.task, "ready": serving is not None}
    swaps = endpoint.predictor.swaps
    if serving is not None:
        document |= _version(serving, next(swap for swap in reversed(swaps) if swap.epoch == serving.epoch))
    if history:
        document["history"] = [_swap(swap) for swap in swaps]
        document["record"] = {
            "schema": endpoint.record.json, "event_id": spec.event_id, "event_time": spec.event_time,
            "entity": spec.entity,
        }  # fmt: skip
    return document


def _version(serving: Serving, swap: Swap) -> dict[str, Any]:
    manifest = serving.model.manifest
    reference = serving.event.champion
    return {
        "version": serving.version,
        "loaded": serving.loaded,
        "epoch": serving.epoch,
        "digest": reference.manifest_digest,
        "run_id": reference.run_id,
        "tracking_run": reference.tracking_run,
        "published_at": _iso(serving.published_ms),
        "serving_since": _iso(swap.at_ms),
        "swap_ms": swap.ms,
        "inputs": [
            {"name": feature.name, "kind": feature.kind, "parts": list(feature.parts), "zone": feature.zone}
            for feature in manifest.features
        ],
        "classes": list(manifest.classes),
        **({"threshold": manifest.decides_at} if manifest.task == "binary" else {}),
    }


def _swap(swap: Swap) -> dict[str, Any]:
    return {
        "from": swap.from_version,
        "to": swap.to_version,
        "epoch": swap.epoch,
        "at": _iso(swap.at_ms),
        "ms": swap.ms,
    }


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="milliseconds")
