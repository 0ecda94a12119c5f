"""What rows of a model have to be, as the platform at work says it; asked once, and again where it may have changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tidemill.client.errors import Refused
from tidemill.client.exchange import Flow, Patience, Request, ask
from tidemill.client.rows.values import FieldTypes
from tidemill.contracts.schemas.catalog import Schema, make_schema
from tidemill.json.row_forms import IdentifiedRow, RowForm, read_row
from tidemill.json.rows import from_json

__all__ = ["Forms", "InstanceForm", "PushForm", "model_path"]

INSTANCES = "instances"
OLD_AFTER_S = 5.0
"""A row is refused by a form that is older only after the platform was asked whether it still holds."""
NO_ID = "is missing: an event is known by it; make_ids=True makes one for each row that has none"
SOME_TIME = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class PushForm:
    """What a row of events or labels has to be."""

    rows: RowForm
    types: FieldTypes

    @classmethod
    def of(cls, rows: RowForm) -> PushForm:
        return cls(rows, FieldTypes(rows.schema, rows.other_names))

    def read(self, row: Any, new_id: str | None) -> tuple[dict[str, Any], IdentifiedRow]:
        """The row to be sent, and what it will be. Raises FieldError."""
        fitted = self.types.fit(row)
        found = read_row(fitted, self.rows, new_id, time.time_ns() // 1_000_000, NO_ID)
        named = any(fitted.get(name) is not None for name in self._id_names)
        return (fitted if named else {**fitted, self.rows.event_id: found.event_id}), found

    @property
    def _id_names(self) -> list[str]:
        return [self.rows.event_id, *(other for other, name in self.rows.other_names if name == self.rows.event_id)]


@dataclass(frozen=True, slots=True)
class InstanceForm:
    """What an instance to predict for has to be: `optional` fields are made where they are left out."""

    schema: Schema
    types: FieldTypes
    optional: tuple[str, str]

    def read(self, row: Any) -> dict[str, Any]:
        """The instance to be sent. Raises FieldError."""
        fitted = self.types.fit(row)
        event_id, event_time = self.optional
        from_json({event_id: "-", event_time: SOME_TIME, **fitted}, self.schema)
        return fitted


class Forms:
    """The forms of all models that were asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[float, Any]] = {}

    def to_push(self, model: str, role: str, patience: Patience) -> Flow[PushForm]:
        """`role`: events or labels. Raises UnknownModel, and Refused where they come from someone else's topic."""

        def build(told: Mapping[str, Any]) -> PushForm:
            if told[role] is None:
                raise Refused(f"the {role} of {model} come from a topic of someone else's: produce them there", 409)
            return PushForm.of(RowForm.read(f"{model}-{role}", told[role]))

        found: PushForm = yield from self._form(
            model, role, Request("ingest", "GET", model_path(model)), build, patience
        )
        return found

    def to_ask(self, model: str, patience: Patience) -> Flow[InstanceForm]:
        """What instances have to be. Raises UnknownModel."""

        def build(told: Mapping[str, Any]) -> InstanceForm:
            record = told["record"]
            schema = make_schema(model, record["schema"])
            return InstanceForm(schema, FieldTypes(schema), (record["event_id"], record["event_time"]))

        found: InstanceForm = yield from self._form(
            model, INSTANCES, Request("serve", "GET", model_path(model)), build, patience
        )
        return found

    def forget_if_old(self, model: str, role: str) -> bool:
        """Whether the form is old enough to have changed; it is asked for anew then. `role`: also INSTANCES."""
        known = self._known.get((model, role))
        if known is None or time.monotonic() - known[0] <= OLD_AFTER_S:
            return False
        del self._known[model, role]
        return True

    def _form(
        self, model: str, role: str, request: Request, build: Callable[[Mapping[str, Any]], Any], patience: Patience
    ) -> Flow[Any]:
        if (model, role) not in self._known:
            answer = yield from ask(request, patience)
            self._known[model, role] = (time.monotonic(), build(answer.json()))
        return self._known[model, role][1]


def model_path(model: str, tail: str = "", under: str = "models") -> str:
    """The path of what belongs to a model."""
    return f"/v1/{under}/{quote(model, safe='')}{tail}"
