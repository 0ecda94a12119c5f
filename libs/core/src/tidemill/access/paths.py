"""What a path names, by the templates of an interface's own routes: the gate looks before the framework does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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
        self._looked_at = -1
        self._of_models: list[Callable[[str], re.Match[str] | None]] = []

    def model_of(self, path: str) -> str | None:
        """The model that a path names, whether there is one of that name or not; None where it names none."""
        if len(self._routes) != self._looked_at:
            self._look()
        for match in self._of_models:
            found = match(path)
            if found is not None:
                return found[MODEL]
        return None

    def template_of(self, path: str) -> str | None:
        """The template of a path, such as `/v1/models/{model}`; None where no route takes it."""
        return next((route.path for route in self._routes if route.path_regex.match(path)), None)

    def _look(self) -> None:
        self._of_models = [route.path_regex.match for route in self._routes if MODEL in route.param_convertors]
        self._looked_at = len(self._routes)
