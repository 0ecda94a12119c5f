"""What holds where a key of the model file is left out: the defaults of `spec`, written as people write them."""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import timedelta
from typing import Any, Final

import tidemill.contracts.model_file.vocabulary as words
from tidemill.contracts.model_file.spec import Drift, Gate, ModelSpec, Release, ReleaseLimits, Retrain, Target, Training

_SECTIONS: Final[dict[str, type]] = {
    "": ModelSpec,
    "target.": Target,
    "training.": Training,
    "training.gate.": Gate,
    "release.": Release,
    "release.limits.": ReleaseLimits,
    "drift.": Drift,
    "retrain.": Retrain,
}
_SHARES: Final = ("release.stages", "release.limits.errors", "release.limits.shift")
_COUNTS: Final = ("fits", "mixtures")
_UNITS: Final = (
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("m", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
    ("ms", timedelta(milliseconds=1)),
)
_LEFT_OUT: Final = ("training.seed",)
"""No key of the file."""


def default_values() -> dict[str, Any]:
    """Dotted path to the default, for keys that have one that can be written down: a list, number, text or boolean."""
    found: dict[str, Any] = {"training.candidates": list(words.CANDIDATES)}
    for prefix, section in _SECTIONS.items():
        for field in fields(section):
            path = f"{prefix}{'at_most' if field.name == 'fits' else field.name}"
            written = (
                None if field.default is MISSING or path in _LEFT_OUT else _written(path, field.name, field.default)
            )
            if written is not None:
                found[path] = written
    return found


def _written(path: str, name: str, value: Any) -> Any:
    """None where the default is that nothing is said."""
    if name in _COUNTS:
        return "off" if not value[0] else f"{value[0]} in {value[1]:_}"
    if path in _SHARES:
        return [_percent(one) for one in value] if isinstance(value, tuple) else _percent(value)
    if path == "unique":
        return "on" if value else "off"
    if isinstance(value, timedelta):
        return _duration(value) if value else None
    if isinstance(value, tuple):
        return list(value) or None
    return value if isinstance(value, str | int | float) and value != "" else None


def _percent(share: float) -> str:
    return f"{round(share * 100, 6):g}%"


def _duration(value: timedelta) -> str:
    """In the largest unit that has days, hours and so on whole; a minute and less in seconds."""
    unit, size = next((unit, size) for unit, size in _UNITS if not value % size and value > size)
    return f"{value // size}{unit}"
