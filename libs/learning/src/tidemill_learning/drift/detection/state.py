"""What a detector remembers between profiles, and its bytes."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from tidemill.codec.inflate import inflated
from tidemill.contracts.events.platform import ModelVersion
from tidemill.errors import FatalError
from tidemill_learning.drift.detection.ordering import Item

STATE_VERSION = 1
LONGEST_STATE = 64 << 20
"""Bytes of JSON. A state has some hundred thousand; what is packed could hold a thousand times its size."""
_ANEW = "a record without a value under the model's name on drift-state makes detection of that model begin anew"


@dataclass(frozen=True, slots=True)
class WatchedVersion:
    """The version that is watched. `epoch`: since when; `learned`: last offset of its data set per clean
    partition; `asked`: per partition of the predictions topic, whose REST inputs are learned from too.
    """

    version: int
    epoch: int
    partitions: int
    digest: str
    learned: dict[str, int]
    asked: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, published: ModelVersion, clean_topic: str, predictions_topic: str = "") -> WatchedVersion:
        """From an event of model-versions."""
        ranges = published.champion.data_set.offsets
        learned = {str(r.partition): r.last for r in ranges if r.topic == clean_topic}
        asked = {str(r.partition): r.last for r in ranges if r.topic == predictions_topic}
        partitions = len(published.start_offsets)
        return cls(
            published.champion.version,
            published.epoch,
            partitions,
            published.champion.manifest_digest,
            learned,
            asked,
        )


@dataclass(slots=True)
class State:
    """What a detector remembers, as plain JSON; see `Detector` for what the parts are. What is of REST stands under
    names of its own, so state from before it was watched is still state. `short`: windows that hold too few rows to be
    looked at by themselves; `season`: what is usual at which hour of the week, of models that watch no quality;
    `quiet`: what `QuietWatch` knows.
    """

    champion: dict[str, Any] | None = None
    orders: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, list[Item]] = field(default_factory=dict)
    windows: dict[str, int] = field(default_factory=dict)
    lasting: dict[str, int] = field(default_factory=dict)
    alarms: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    quality: dict[str, Any] = field(default_factory=dict)
    rest_quality: dict[str, Any] = field(default_factory=dict)
    traces: dict[str, list[str]] = field(default_factory=dict)
    last: list[list[Any]] = field(default_factory=list)
    last_traces: list[str] = field(default_factory=list)
    short: dict[str, list[Item]] = field(default_factory=dict)
    season: dict[str, Any] = field(default_factory=dict)
    quiet: dict[str, Any] = field(default_factory=dict)


def pack(state: State) -> bytes:
    """Versioned JSON, compressed; equal states have equal bytes. Raises FatalError for one that could not be read."""
    document = {"state_version": STATE_VERSION, **{name: getattr(state, name) for name in State.__slots__}}
    text = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    if len(text) > LONGEST_STATE:
        raise FatalError(f"the state of drift detection has {len(text):,} bytes, more than {LONGEST_STATE:,}: {_ANEW}")
    return zlib.compress(text, 1)


def unpack(state: bytes) -> State:
    """The state that `pack` wrote. Raises FatalError for one of a release that keeps more, or something else,
    which is looked at no further than to LONGEST_STATE.
    """
    document = _document(state)
    version = document.pop("state_version", None)
    unknown = sorted(document.keys() - set(State.__slots__))
    if version != STATE_VERSION or unknown:
        more = f", with {', '.join(unknown)}" if unknown else ""
        raise FatalError(
            f"the state of drift detection is of version {version}{more}, and this release reads version "
            f"{STATE_VERSION} without: it was written by another release of Tidemill; run that one here"
        )
    return State(**document)


def _document(state: bytes) -> dict[str, Any]:
    try:
        document = json.loads(inflated(state, LONGEST_STATE, "zlib"))
        if not isinstance(document, dict):
            raise ValueError("it is no object of JSON")
    except (ValueError, RecursionError) as error:
        raise FatalError(
            f"the state of drift detection cannot be read: {error}. It comes from the topic drift-state, which nobody "
            f"but detect writes: see who may; {_ANEW}"
        ) from error
    return document
