"""Addresses that a notice names, from an operator's templates. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

__all__ = ["check_template", "filled"]

NAMES = ("model", "version", "run_id", "trace_id", "runbook")
_FIELD = re.compile(r"\{([^{}]*)\}")


def check_template(template: str) -> None:
    """Raises ValueError where something else stands in braces than what can be filled in."""
    for name in _FIELD.findall(template):
        if name not in NAMES:
            raise ValueError(f"{{{name}}} cannot be filled in: {', '.join(f'{{{one}}}' for one in NAMES)} can")


def filled(templates: Mapping[str, str | None], values: Mapping[str, object]) -> dict[str, str]:
    """The addresses, by what they show; those that are not set, or whose values are not known here, are left out.

    >>> filled({"trace": "https://t.example/{trace_id}", "status": None}, {"trace_id": "a b"})
    {'trace': 'https://t.example/a%20b'}
    """
    known = {name: quote(str(value), safe="") for name, value in values.items() if value not in (None, "")}
    return {
        shown: _FIELD.sub(lambda found: known[found[1]], template)
        for shown, template in templates.items()
        if template and set(_FIELD.findall(template)) <= known.keys()
    }
