"""The path of one event: raw, clean or dead letter, predictions, labels, each with time and position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tidemill.ids import uuid7_time_ms
from tidemill.kafka.dead_letters import parse_dead_letter
from tidemill.kafka.headers import ORIGIN, TRACEPARENT, find, parse_origin
from tidemill_operations.trace.lookup import Bounds, Lookup, Record

# Clocks of clients and broker differ a little, and a REST prediction is logged a moment after it was made.
AROUND_MS = 60_000


@dataclass(frozen=True, slots=True)
class Station:
    """One station. `stage`: raw, clean, dead letter, prediction, label (raw), label. `facts`: what there is
    to say.
    """

    stage: str
    place: str
    at_ms: int
    facts: dict[str, Any]


@dataclass(slots=True)
class Path:
    """All stations of one event in the order of their times, and what leads to the version's own trace."""

    event_id: str
    model: str
    steps: list[Station] = field(default_factory=list)
    epochs: dict[int, int] = field(default_factory=dict)
    """Version by epoch of the predictions."""
    traces: set[str] = field(default_factory=set)
    """Trace ids in the records' headers, in hex."""

    def add(self, stage: str, record: Record, facts: dict[str, Any]) -> None:
        """Adds a station, once."""
        if any(station.place == record.place for station in self.steps):
            return
        self.steps.append(Station(stage, record.place, record.at_ms, facts))
        self.steps.sort(key=lambda station: station.at_ms)
        if context := find(record.headers, TRACEPARENT):
            self.traces.add(context.decode().split("-")[1])


def find_path(lookup: Lookup, model: str, wanted: str, key: str | None, since_ms: int, id_field: str) -> Path | None:
    """The path of the event (or of the prediction) with id `wanted`; None where nothing is found within the
    bounds.

    `since_ms`: where in the log's time to begin. An id that carries time (UUIDv7, as prediction ids do)
    bounds itself. With `key` its partition is read first; the others only where the event is not there: before
    partitions were added, its key led elsewhere.
    """
    partition = lookup.partition(key) if key is not None else None
    if partition is not None:
        found = _find(lookup, model, wanted, (partition,), since_ms, id_field)
        if found is not None:
            return found
    return _find(lookup, model, wanted, None, since_ms, id_field)


def _find(
    lookup: Lookup, model: str, wanted: str, partitions: tuple[int, ...] | None, since_ms: int, id_field: str
) -> Path | None:
    stamped = uuid7_time_ms(wanted)
    if stamped is not None:
        bounds = Bounds(partitions, stamped - AROUND_MS, stamped + AROUND_MS)
        for record in _predictions(lookup, wanted, bounds):
            return _of_prediction(lookup, model, record, since_ms, id_field)
    return _of_event(lookup, model, wanted, Bounds(partitions, since_ms), id_field)


def _predictions(lookup: Lookup, wanted: str, bounds: Bounds) -> Iterator[Record]:
    for record in lookup.containing("predictions", wanted, bounds):
        if record.datum and wanted in (record.datum["prediction_id"], record.datum["event_id"]):
            yield record


def _of_prediction(lookup: Lookup, model: str, record: Record, since_ms: int, id_field: str) -> Path:
    """From one prediction back by the positions in it; no search but for what else the event has led to."""
    datum = record.datum or {}
    path = Path(datum["event_id"], model)
    _add_prediction(path, record)
    clean = None
    if datum["input_offset"] is not None:
        clean = lookup.at("clean", datum["input_partition"], datum["input_offset"])
    if clean is not None and clean.datum is not None and clean.datum[id_field] != path.event_id:
        clean = None  # clean was made anew since
    if clean is not None:
        _add_clean(path, clean)
        _add_raw_of(path, lookup, clean)
    earliest = min((station.at_ms for station in path.steps), default=since_ms)
    bounds = Bounds((record.partition,), earliest if clean is not None else min(since_ms, earliest))
    _add_event(path, lookup, bounds, id_field)
    return path


def _of_event(lookup: Lookup, model: str, event_id: str, bounds: Bounds, id_field: str) -> Path | None:
    path = Path(event_id, model)
    _add_event(path, lookup, bounds, id_field)
    return path if path.steps else None


def _add_event(path: Path, lookup: Lookup, bounds: Bounds, id_field: str) -> None:
    """All stations by event id. What is found on raw tells the partition and the time for what comes after it."""
    place = lookup.position(path.event_id)
    if place is not None:
        bounds = replace(bounds, partitions=(place[0],))
        _add_by_position(path, lookup, *place, bounds.since_ms)
    for record in lookup.containing("raw", path.event_id, bounds) if place is None else ():
        if record.datum is None or record.datum[id_field] == path.event_id:
            path.add("raw", record, {"key": _text(record.key)} | _problem(record))
            bounds = replace(bounds, partitions=(record.partition,))
    labels, bounds = bounds, _after_raw(path, bounds)
    for record in lookup.containing("clean", path.event_id, bounds):
        if record.datum and record.datum[id_field] == path.event_id:
            _add_clean(path, record)
            if all(station.stage != "raw" for station in path.steps):  # its id need not stand in its bytes
                _add_raw_of(path, lookup, record)
    for record in lookup.containing("raw_dlq", path.event_id, bounds):
        if record.datum is None or record.datum[id_field] == path.event_id:
            path.add("dead letter", record, _reason(record))
    for record in _predictions(lookup, path.event_id, bounds):
        _add_prediction(path, record)
    for role, stage in (("labels_raw", "label (raw)"), ("labels", "label"), ("labels_raw_dlq", "dead label")):
        for record in lookup.containing(role, path.event_id, labels):
            if record.datum and record.datum["event_id"] == path.event_id:
                path.add(stage, record, _label(record))


def _add_by_position(path: Path, lookup: Lookup, partition: int, offset: int, since_ms: int) -> None:
    """Raw and dead letter of an event whose id is its position: it stands in none of their bytes."""
    raw = lookup.at("raw", partition, offset)
    if raw is None:
        return
    path.add("raw", raw, {"key": _text(raw.key)} | _problem(raw))
    dead = lookup.dead_letter_of(raw, since_ms)
    if dead is not None:
        path.add("dead letter", dead, _reason(dead))


def _after_raw(path: Path, bounds: Bounds) -> Bounds:
    """What is made of a raw record comes after it; only its label may have been pushed before."""
    pushed = [station.at_ms for station in path.steps if station.stage == "raw"]
    return replace(bounds, since_ms=max(bounds.since_ms, min(pushed) - AROUND_MS)) if pushed else bounds


def _add_clean(path: Path, record: Record) -> None:
    came = find(record.headers, ORIGIN)
    path.add("clean", record, {"origin": came.decode() if came else "unknown"})


def _add_raw_of(path: Path, lookup: Lookup, clean: Record) -> None:
    came = find(clean.headers, ORIGIN)
    if came is None:
        return
    source, partition, offset = parse_origin(came)
    raw = lookup.at("raw", partition, offset) if lookup.is_there(source, partition) else None
    if raw is not None:
        path.add("raw", raw, {"key": _text(raw.key)} | _problem(raw))


def _add_prediction(path: Path, record: Record) -> None:
    datum = record.datum or {}
    outputs = {name: datum[name] for name in ("probability", "label", "probabilities", "value") if name in datum}
    facts = {name: datum[name] for name in ("prediction_id", "source", "version", "epoch", "arm", "predicted_at")}
    if datum["input_offset"] is not None:
        facts["input"] = f"clean/{datum['input_partition']}/{datum['input_offset']}"
    path.epochs[datum["epoch"]] = datum["version"]
    if datum.get("caller") is not None:
        facts["caller"] = datum["caller"]
    path.add("prediction", record, facts | outputs)


def _label(record: Record) -> dict[str, Any]:
    datum = record.datum or {}
    return {name: datum[name] for name in ("label", "event_time", "observed_at")} | _reason(record)


def _reason(record: Record) -> dict[str, Any]:
    found = parse_dead_letter(record.headers)
    if found is None:
        return {}
    topic, partition, offset, kind, message = found
    return {"reason": message, "class": kind, "origin": f"{topic}/{partition}/{offset}"}


def _problem(record: Record) -> dict[str, Any]:
    return {"unreadable": record.problem} if record.problem else {}


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")
