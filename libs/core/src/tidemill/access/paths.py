"""What a path names, by the templates of an interface's own routes: the gate looks before the framework does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["Templates"]

MODEL = "model"
"""The parameter of a template that is a model's name."""


class Templates:
    """The routes of an application as they are now, by the patterns that its router holds paths against: so both read
    the same out of a path.
    """

    def __init__(self, routes: Sequence[Any]) -> None:
        """`routes`: those of a Starlette application, which may grow."""
        self._routes = routes

    def model_of(self, path: str) -> str | None:
        """The model that a path names, whether there is one of that name or not; None where it names none."""
        found = next((match for _, match in self._matches(path, MODEL)), None)
        return None if found is None else str(found[MODEL])

    def template_of(self, path: str) -> str | None:
        """The template of a path, such as `/v1/models/{model}`; None where no route takes it."""
        return next((template for template, _ in self._matches(path)), None)

    def _matches(self, path: str, parameter: str = "") -> Iterator[tuple[str, Any]]:
        for route in self._routes:
            if not parameter or parameter in route.param_convertors:
                match = route.path_regex.match(path)
                if match is not None:
                    yield route.path, match
