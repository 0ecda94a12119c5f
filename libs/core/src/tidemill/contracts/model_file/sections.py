"""The sections of a model file, one reader each. Defaults stand in `spec`, words in `vocabulary`."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, cast

import tidemill.contracts.model_file.vocabulary as words
from tidemill.contracts.model_file.sources import read_label_source
from tidemill.contracts.model_file.spec import (
    DecisionCost,
    Drift,
    Feature,
    Gate,
    Kind,
    Missing,
    Part,
    Retrain,
    Target,
    Task,
    Training,
)
from tidemill.contracts.model_file.yaml.nodes import Section, Value


def read_target(value: Value) -> Target:
    """`target`: label, task, delay, expires, cost, and a source for the labels. A label or task that is wrong is ""."""
    found = value.section(("label", "task", "delay", "expires", "source", "cost"), required=("label", "task"))
    stated = found.read("task", lambda v: v.choice(words.TASKS), "", "")
    task = cast(Task, stated if found.certain("task") else "")
    target = Target(
        label=found.read("label", Value.text, "", ""),
        task=task,
        source=found.read("source", read_label_source, None, None),
        cost=found.read("cost", lambda v: _cost(v, task), None, _ANY_COST),
        **found.options({"delay": Value.duration, "expires": Value.duration}),
    )
    if found.certain("delay", "expires") and target.expires <= target.delay:
        place = found.entries.get("expires", value)
        said = "`target.expires` must be longer than `target.delay`: else most labels come too late"
        value.mistakes.add(place.error(said))
    return target


_ANY_COST = DecisionCost(1.0, 1.0)
"""What stands for costs that could not be read: that they are not known follows from a mistake that is told."""


def _cost(value: Value, task: Task) -> DecisionCost:
    """What wrong decisions cost. Raises where the task has none that are wrong in two ways."""
    if task and task != "binary":
        why = "a multiclass model says its likeliest class" if task == "multiclass" else "a regression decides nothing"
        raise value.error(f"`{value.path}` belongs to binary tasks: {why}", at_key=True)
    names = ("false_positive", "false_negative")
    found = value.section(names, required=names)
    return DecisionCost(**{name: found.read(name, _above_zero, 1.0, 1.0) for name in names})


def _above_zero(value: Value) -> float:
    number = float(value.number())
    if number <= 0:
        raise value.wants("a number above 0")
    return number


def read_features(value: Value) -> tuple[Feature, ...]:
    """`features`: name to kind, in order; at least one. The kind of one that is wrong is ""."""
    entries = value.entries()
    if not entries:
        raise value.wants("a mapping with at least one feature, such as `carrier: category`")
    wrong = {name: Feature(name, cast(Kind, "")) for name in entries}
    features = tuple(child.read(partial(_feature, name), wrong[name]) for name, child in entries.items())
    _check_input_names(entries, features)
    return features


def _check_input_names(entries: dict[str, Value], features: tuple[Feature, ...]) -> None:
    """A part of a time becomes an input of its own: no feature may have that name already."""
    for feature in features:
        for part in feature.parts:
            name = f"{feature.name}_{part}"
            if name in entries:
                twice = entries[name]
                said = f"`features.{name}` is what `{feature.name}` gives already"
                twice.mistakes.add(twice.error(said, at_key=True))


def _feature(name: str, value: Value) -> Feature:
    if value.is_scalar:
        kind = value.choice(words.KINDS)
        if kind == "time":
            raise value.error(
                f"`{value.path}: time` needs its parts and its zone", "{time: [hour, weekday], zone: UTC}"
            )
        return Feature(name, "number", missing="median") if kind == "number" else Feature(name, "category")
    found = value.section((*words.KINDS, "zone"))
    kinds = [kind for kind in words.KINDS if kind in found.entries]
    wrong = Feature(name, cast(Kind, ""))
    if not kinds and found.strange:
        return wrong
    if len(kinds) != 1:
        raise value.wants(f"one kind: {', '.join(words.KINDS)}")
    if kinds[0] == "time":
        return _time_feature(name, value, found)
    if "zone" in found.entries:
        zone = found.entries["zone"]
        value.mistakes.add(zone.error(f"`{zone.path}` belongs to time features only", at_key=True))
    if kinds[0] == "category":
        found.read("category", lambda v: v.section(()), None, None)
        return Feature(name, "category")
    return found.read("number", partial(_number, name), wrong, wrong)


def _number(name: str, value: Value) -> Feature:
    missing = value.section(("missing",)).read("missing", lambda v: v.choice(words.MISSING), "median", "median")
    return Feature(name, "number", missing=cast(Missing, missing))


def _time_feature(name: str, value: Value, found: Section) -> Feature:
    if "zone" not in found.entries and found.sure("zone"):
        value.mistakes.add(value.error(f"`{value.path}.zone` is missing: a time feature states its zone", "zone: UTC"))
    zone = found.read("zone", _zone, "", "")
    parts = found.read("time", lambda v: v.choices(words.PARTS), (), ())
    return Feature(name, "time", parts=cast("tuple[Part, ...]", parts), zone=zone)


def _zone(value: Value) -> str:
    zone = value.text()
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise value.error(f"{zone!r} is no time zone of the IANA data base") from error
    return zone


def read_training(value: Value | None, target: Target) -> Training:
    """`training`, for a target: metrics differ between tasks. Where the task is not known, any task's metric is
    taken.
    """
    task = target.task
    metrics = words.METRICS.get(task) or tuple({name: None for names in words.METRICS.values() for name in names})
    defaults: dict[str, Any] = {"metric": metrics[0], "candidates": words.CANDIDATES}
    if value is None:
        return Training(**defaults)
    known = ("first_after", "newest", "split", "candidates", "budget", "metric", "gate", "class_weights")
    found = value.section(known)
    readers: dict[str, Callable[[Value], Any]] = {
        "first_after": lambda v: v.integer(1),
        "newest": lambda v: v.integer(1),
        "split": _split,
        "candidates": lambda v: v.choices(words.CANDIDATES),
        "budget": Value.duration,
        "metric": lambda v: _metric(v, metrics, target),
        "gate": _gate,
        "class_weights": lambda v: _class_weights(v, task),
    }
    return Training(**(defaults | found.options(readers)))


def _metric(value: Value, metrics: tuple[str, ...], target: Target) -> str:
    name = value.choice(metrics)
    if name == words.COST and target.task == "binary" and target.cost is None:
        example = "target: {cost: {false_positive: 1, false_negative: 5}}"
        raise value.error(f"`{value.path}: cost` needs to know what wrong decisions cost (`target.cost`)", example)
    return name


def _class_weights(value: Value, task: Task) -> str | tuple[tuple[str, float], ...]:
    if task == "regression":
        raise value.error(f"`{value.path}` belong to classes: a regression has none", at_key=True)
    if value.is_scalar:
        return value.choice((words.BALANCED,))
    named = value.section(words.BINARY_CLASSES).entries if task == "binary" else value.entries()
    if not value.entries():
        raise value.wants("`balanced`, or classes with numbers above 0, such as {true: 4}")
    return tuple((name, child.read(_weight, 1.0)) for name, child in named.items())


def _weight(value: Value) -> float:
    number = float(value.number())
    if not words.LEAST_WEIGHT <= number <= words.LARGEST_WEIGHT:
        raise value.wants(f"a number from {words.LEAST_WEIGHT:f} to {words.LARGEST_WEIGHT:,.0f}")
    return number


def _split(value: Value) -> tuple[int, int, int]:
    parts = [item.integer(1) for item in value.items()]
    if len(parts) != 3 or sum(parts) != 100:
        raise value.wants("three whole percentages for train, validation and test that make 100, such as [70, 15, 15]")
    return parts[0], parts[1], parts[2]


def _gate(value: Value) -> Gate:
    found = value.section(("at_least", "better_by"))
    return Gate(**found.options(dict.fromkeys(("at_least", "better_by"), lambda v: float(v.number()))))


def read_drift(value: Value | None) -> Drift:
    """`drift`: window (a number of events or a duration) and what is watched."""
    if value is None:
        return Drift()
    found = value.section(("window", "watch"))
    return Drift(**found.options({"window": _window, "watch": lambda v: v.choices(words.WATCH)}))


def _window(value: Value) -> int | timedelta:
    return value.duration() if isinstance(value.scalar(), str) else value.integer(1)


def read_retrain(value: Value | None) -> Retrain:
    """`retrain`: on what, how often at most, and how often in any case."""
    if value is None:
        return Retrain()
    found = value.section(("on", "cooldown", "at_most", "mixtures", "every"))
    readers: dict[str, Callable[[Value], Any]] = {
        "on": lambda v: v.choices(words.RETRAIN_ON),
        "cooldown": Value.duration,
        "at_most": Value.rate_or_fits,
        "mixtures": Value.off_or_count,
        "every": Value.duration,
    }
    options = found.options(readers)
    if isinstance(options.get("at_most", (0, None))[1], int):
        options["fits"] = options.pop("at_most")
    return Retrain(**options)
