"""The sections of a model file, one reader each. Defaults stand in `spec`, words in `vocabulary`."""

from __future__ import annotations

import zoneinfo
from typing import Any, cast

from tidemill.contracts.model_file import vocabulary as words
from tidemill.contracts.model_file.nodes import Value
from tidemill.contracts.model_file.sources import read_label_source
from tidemill.contracts.model_file.spec import (
    Drift,
    Feature,
    Gate,
    Missing,
    Part,
    Retrain,
    RetrainOn,
    Target,
    Task,
    Training,
    Watch,
)


def read_target(value: Value) -> Target:
    """`target`: label, task, delay, expires, and a source for the labels."""
    found = value.mapping(("label", "task", "delay", "expires", "source"), required=("label", "task"))
    durations = {key: found[key].duration() for key in ("delay", "expires") if key in found}
    target = Target(
        label=found["label"].text(), task=cast(Task, found["task"].choice(words.TASKS)),
        source=read_label_source(found["source"]) if "source" in found else None, **durations,
    )  # fmt: skip
    if target.expires <= target.delay:
        place = found.get("expires", value)
        raise place.error("`target.expires` must be longer than `target.delay`: else most labels come too late")
    return target


def read_features(value: Value) -> tuple[Feature, ...]:
    """`features`: name to kind, in order; at least one."""
    features = tuple(_feature(name, child) for name, child in value.entries().items())
    if not features:
        raise value.wants("a mapping with at least one feature, such as `carrier: category`")
    _check_input_names(value.entries(), features)
    return features


def _check_input_names(entries: dict[str, Value], features: tuple[Feature, ...]) -> None:
    """A part of a time becomes an input of its own: no feature may have that name already."""
    for feature in features:
        for part in feature.parts:
            name = f"{feature.name}_{part}"
            if name in entries:
                raise entries[name].error(f"`features.{name}` is what `{feature.name}` gives already", at_key=True)


def _feature(name: str, value: Value) -> Feature:
    if value.is_scalar:
        kind = value.choice(words.KINDS)
        if kind == "time":
            raise value.error(
                f"`{value.path}: time` needs its parts and its zone", "{time: [hour, weekday], zone: UTC}"
            )
        return Feature(name, "number", missing="median") if kind == "number" else Feature(name, "category")
    found = value.mapping((*words.KINDS, "zone"))
    kinds = [kind for kind in words.KINDS if kind in found]
    if len(kinds) != 1:
        raise value.wants(f"one kind: {', '.join(words.KINDS)}")
    if kinds[0] == "time":
        return _time_feature(name, value, found)
    if "zone" in found:
        raise found["zone"].error(f"`{found['zone'].path}` belongs to time features only", at_key=True)
    if kinds[0] == "category":
        found["category"].mapping(())
        return Feature(name, "category")
    options = found["number"].mapping(("missing",))
    missing = options["missing"].choice(words.MISSING) if "missing" in options else "median"
    return Feature(name, "number", missing=cast(Missing, missing))


def _time_feature(name: str, value: Value, found: dict[str, Value]) -> Feature:
    if "zone" not in found:
        raise value.error(f"`{value.path}.zone` is missing: a time feature states its zone", "zone: UTC")
    zone = found["zone"].text()
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise found["zone"].error(f"{zone!r} is no time zone of the IANA data base") from error
    parts = found["time"].choices(words.PARTS)
    return Feature(name, "time", parts=cast("tuple[Part, ...]", parts), zone=zone)


def read_training(value: Value | None, task: Task) -> Training:
    """`training`, for a task: metrics differ between tasks."""
    defaults: dict[str, Any] = {"metric": words.METRICS[task][0], "candidates": words.CANDIDATES}
    if value is None:
        return Training(**defaults)
    found = value.mapping(("first_after", "newest", "split", "candidates", "budget", "metric", "gate"))
    readers = {
        "first_after": lambda v: v.integer(1),
        "newest": lambda v: v.integer(1),
        "split": _split,
        "candidates": lambda v: v.choices(words.CANDIDATES),
        "budget": Value.duration,
        "metric": lambda v: v.choice(words.METRICS[task]),
        "gate": _gate,
    }
    return Training(**(defaults | {key: readers[key](child) for key, child in found.items()}))


def _split(value: Value) -> tuple[int, int, int]:
    parts = [item.integer(1) for item in value.items()]
    if len(parts) != 3 or sum(parts) != 100:
        raise value.wants("three whole percentages for train, validation and test that make 100, such as [70, 15, 15]")
    return parts[0], parts[1], parts[2]


def _gate(value: Value) -> Gate:
    found = value.mapping(("at_least", "better_by"))
    return Gate(**{key: float(child.number()) for key, child in found.items()})


def read_drift(value: Value | None) -> Drift:
    """`drift`: window (a number of events or a duration) and what is watched."""
    if value is None:
        return Drift()
    found = value.mapping(("window", "watch"))
    options: dict[str, Any] = {}
    if "window" in found:
        window = found["window"]
        options["window"] = window.duration() if isinstance(window.scalar(), str) else window.integer(1)
    if "watch" in found:
        options["watch"] = cast("tuple[Watch, ...]", found["watch"].choices(words.WATCH))
    return Drift(**options)


def read_retrain(value: Value | None) -> Retrain:
    """`retrain`: on what, how often at most, and how often in any case."""
    if value is None:
        return Retrain()
    found = value.mapping(("on", "cooldown", "at_most", "every"))
    options: dict[str, Any] = {key: found[key].duration() for key in ("cooldown", "every") if key in found}
    if "on" in found:
        options["on"] = cast("tuple[RetrainOn, ...]", found["on"].choices(words.RETRAIN_ON))
    if "at_most" in found:
        options["at_most"] = found["at_most"].rate()
    return Retrain(**options)
