"""Units of measurement that `normalise` converts between: what a value is in the base unit of its dimension."""

from __future__ import annotations

from typing import Final

UNITS: Final[dict[str, tuple[str, float, float]]] = {
    "m": ("length", 1.0, 0.0),
    "km": ("length", 1000.0, 0.0),
    "cm": ("length", 0.01, 0.0),
    "mm": ("length", 0.001, 0.0),
    "mi": ("length", 1609.344, 0.0),
    "nmi": ("length", 1852.0, 0.0),
    "yd": ("length", 0.9144, 0.0),
    "ft": ("length", 0.3048, 0.0),
    "in": ("length", 0.0254, 0.0),
    "kg": ("mass", 1.0, 0.0),
    "g": ("mass", 0.001, 0.0),
    "lb": ("mass", 0.45359237, 0.0),
    "oz": ("mass", 0.028349523125, 0.0),
    "K": ("temperature", 1.0, 0.0),
    "C": ("temperature", 1.0, 273.15),
    "F": ("temperature", 5 / 9, 459.67 * 5 / 9),
    "s": ("time", 1.0, 0.0),
    "ms": ("time", 0.001, 0.0),
    "min": ("time", 60.0, 0.0),
    "h": ("time", 3600.0, 0.0),
    "d": ("time", 86400.0, 0.0),
    "m/s": ("speed", 1.0, 0.0),
    "km/h": ("speed", 1 / 3.6, 0.0),
    "mph": ("speed", 0.44704, 0.0),
    "kn": ("speed", 1852 / 3600, 0.0),
    "Pa": ("pressure", 1.0, 0.0),
    "hPa": ("pressure", 100.0, 0.0),
    "mbar": ("pressure", 100.0, 0.0),
    "bar": ("pressure", 1e5, 0.0),
    "psi": ("pressure", 6894.757293168, 0.0),
    "inHg": ("pressure", 3386.389, 0.0),
    "fraction": ("share", 1.0, 0.0),
    "percent": ("share", 0.01, 0.0),
}
"""Unit to (dimension, factor, offset): in the base unit it is value * factor + offset."""


def conversion(source: str, target: str) -> tuple[float, float]:
    """(factor, offset) such that a value in `source` is value * factor + offset in `target`.

    Raises KeyError for an unknown unit and ValueError where the two measure different things.
    """
    dimension, factor, offset = UNITS[source]
    other, target_factor, target_offset = UNITS[target]
    if dimension != other:
        raise ValueError(f"{source} is a {dimension}, {target} a {other}")
    return factor / target_factor, (offset - target_offset) / target_factor
