"""A model whose file calls everything by names of its own: the event id is `order_id`, the label `fraud`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog

MODEL = "orders"
FILE = """\
model: orders
schema: orders.avsc
entity: customer
event_id: order_id
event_time: placed_at
target: {label: fraud, task: binary}
features: {amount: number}
"""


def orders(root: Path, folder: Path, *, entity_nullable: bool = True) -> tuple[ModelSpec, SchemaCatalog]:
    """The model and its schemas, with all files in `folder` (models/, schemas/)."""
    entity = {"name": "customer", "type": ["null", "string"], "default": None}
    fields = [
        {"name": "order_id", "type": "string"},
        {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        entity if entity_nullable else {"name": "customer", "type": "string"},
        {"name": "amount", "type": ["null", "double"], "default": None},
    ]
    record = {"type": "record", "name": "Order", "namespace": "dev.tidemill.models", "fields": fields}
    shutil.copytree(root / "schemas", folder / "schemas", dirs_exist_ok=True)
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "orders.yaml").write_text(FILE, encoding="utf-8")
    (folder / "schemas" / "models" / "orders.avsc").write_text(json.dumps(record), encoding="utf-8")
    models = load_models(folder / "models")
    return models[MODEL], SchemaCatalog.load(folder / "schemas", models)
