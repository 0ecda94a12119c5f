"""The words of a model file by which its version can be made again when the file says others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.model_file.spec import DecisionCost, Feature
from tidemill.contracts.quantities import milliseconds


def recipe_of(spec: ModelSpec) -> dict[str, Any]:
    """Plain JSON: all that the file says and that rows or fits hang on. The budget is not among it: what it allowed
    stands beside it. Nor is the gate, which decides whether a version is let through and not what it is.
    """
    training = spec.training
    return {
        "event_id": spec.event_id, "event_time": spec.event_time,
        "label": spec.target.label, "task": spec.target.task, "delay_ms": milliseconds(spec.target.delay),
        "features": [
            {"name": one.name, "kind": one.kind, "parts": list(one.parts), "zone": one.zone, "missing": one.missing}
            for one in spec.features
        ],
        "metric": training.metric, "candidates": list(training.candidates), "newest": training.newest,
        "split": list(training.split), "seed": training.seed, "class_weights": _weights(training.class_weights),
        "cost": asdict(spec.target.cost) if spec.target.cost else None,
    }  # fmt: skip


def spec_of(spec: ModelSpec, recipe: Mapping[str, Any]) -> ModelSpec:
    """The model file `spec` with the words of a recipe."""
    cost, weights = recipe["cost"], recipe["class_weights"]
    target = replace(
        spec.target, label=recipe["label"], task=recipe["task"], delay=timedelta(milliseconds=recipe["delay_ms"]),
        cost=DecisionCost(**cost) if cost else None,
    )  # fmt: skip
    training = replace(
        spec.training, metric=recipe["metric"], candidates=tuple(recipe["candidates"]), newest=int(recipe["newest"]),
        split=tuple(recipe["split"]), seed=int(recipe["seed"]),
        class_weights=tuple((name, weight) for name, weight in weights) if isinstance(weights, list) else weights,
    )  # fmt: skip
    features = tuple(Feature(**(one | {"parts": tuple(one["parts"])})) for one in recipe["features"])
    return replace(
        spec, event_id=recipe["event_id"], event_time=recipe["event_time"], target=target, training=training,
        features=features,
    )  # fmt: skip


def differing(spec: ModelSpec, recipe: Mapping[str, Any]) -> list[str]:
    """Words of a recipe that the model file says otherwise by now."""
    now = recipe_of(spec)
    return [word for word, said in recipe.items() if now.get(word) != said]


def _weights(given: str | tuple[tuple[str, float], ...] | None) -> str | list[list[str | float]] | None:
    return [list(one) for one in given] if isinstance(given, tuple) else given
