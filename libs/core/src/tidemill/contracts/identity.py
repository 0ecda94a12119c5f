"""Other names under which an event's and a label's own fields are taken, whatever the door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.contracts.schemas.catalog import Schema

EVENT_ID: Final = "event_id"
ENTITY: Final = "entity"


def event_names(spec: ModelSpec, record: Schema) -> dict[str, str]:
    """Another name to the record's field: the platform's own name of the event id, where it is no field itself."""
    return _free({EVENT_ID: spec.event_id}, record)


def label_names(spec: ModelSpec, label: Schema) -> dict[str, str]:
    """Another name to the label's field, or to the entity: as the model file calls them."""
    names = {spec.event_id: EVENT_ID, spec.target.label: "label", spec.event_time: "event_time", ENTITY: spec.entity}
    taken = {spec.entity} if spec.entity not in label.field_names else set()
    return {other: name for other, name in _free(names, label).items() if other not in taken}


def _free(names: Mapping[str, str], schema: Schema) -> dict[str, str]:
    return {other: name for other, name in names.items() if other != name and other not in schema.field_names}
