"""Finds a prediction on its topic, and the record that it was made from."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.ids import uuid7_time_ms
from tidemill.kafka.headers import ORIGIN, TRACEPARENT, find, parse_origin
from tidemill_operations.errors import NotPossible, WrongUse
from tidemill_operations.platform import PlatformView
from tidemill_operations.trace.lookup import Bounds, Lookup, Record
from tidemill_operations.trace.path import AROUND_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """`record`: of the prediction. `clean`: the record that the stream read for it, None over REST, where the
    prediction carries its input. `raw`: what that was made of, None over REST and where it is gone. `input`: the bytes
    that the model's features were read from.
    """

    model: str
    record: Record
    clean: Record | None
    raw: Record | None
    input: bytes

    @property
    def traces(self) -> list[str]:
        """Trace ids in the headers of all three, in hex."""
        records = (one for one in (self.raw, self.clean, self.record) if one is not None)
        contexts = (find(one.headers, TRACEPARENT) for one in records)
        return sorted({context.decode().split("-")[1] for context in contexts if context})


def find_prediction(platform: PlatformView, prediction_id: str, model: str | None) -> Predicted:
    """Raises WrongUse for an id that is none of a prediction, NotPossible where there is none of it, or where its input
    is on no topic any more.
    """
    at_ms = uuid7_time_ms(prediction_id)
    if at_ms is None:
        raise WrongUse(
            f"{prediction_id!r} is not the id of a prediction (a UUIDv7): `tidemill trace EVENT_ID` tells those "
            "of an event's predictions"
        )
    bounds = Bounds(None, at_ms - AROUND_MS, at_ms + AROUND_MS)
    for name in [platform.model(model).name] if model else sorted(platform.models):
        lookup = Lookup(platform, name)
        for record in lookup.containing("predictions", prediction_id, bounds):
            if record.datum and record.datum["prediction_id"] == prediction_id:
                return _of(lookup, name, record, platform.models[name].event_id)
    raise NotPossible(
        f"there is no prediction {prediction_id} on the predictions topics: they keep predictions for a time "
        "(`retention` in schemas/topics.yaml), and one that was made over REST is there a moment after its answer"
    )


def _of(lookup: Lookup, model: str, record: Record, id_field: str) -> Predicted:
    datum = record.datum or {}
    if datum["input_offset"] is None:
        if datum["input"] is None:
            raise NotPossible(f"the prediction at {record.place} carries no input")
        return Predicted(model=model, record=record, clean=None, raw=None, input=datum["input"])
    clean = lookup.at("clean", datum["input_partition"], datum["input_offset"])
    place = f"clean/{datum['input_partition']}/{datum['input_offset']}"
    if clean is None or clean.value is None or clean.datum is None or clean.datum[id_field] != datum["event_id"]:
        raise NotPossible(
            f"the record that it was made from is not at {place} any more: retention has removed it, or the topic was "
            "made anew since. Let clean keep as long as predictions (`retention` in schemas/topics.yaml)"
        )
    return Predicted(model=model, record=record, clean=clean, raw=_raw_of(lookup, clean), input=clean.value)


def _raw_of(lookup: Lookup, clean: Record) -> Record | None:
    came = find(clean.headers, ORIGIN)
    if came is None:
        return None
    source, partition, offset = parse_origin(came)
    return lookup.at("raw", partition, offset) if lookup.is_there(source, partition) else None
