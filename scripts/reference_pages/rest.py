"""The HTTP interfaces: the OpenAPI documents as the services give them, and a page of their operations.

*serve* describes each model with its own fields: here those of models/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from reference_pages.markdown import code, page, table
from tidemill.clock import SystemClock
from tidemill.codec.layout import layout_of
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_inference.rest.handler import Limits
from tidemill_inference.rest.protocols.openapi import describe_api
from tidemill_inference.serving.serving import Predictor
from tidemill_inference.settings import ServeSettings
from tidemill_ingest.settings import IngestSettings
from tidemill_ingest.web.api import create_app

Document = dict[str, Any]
MODEL_PATH = re.compile(r"/v[12]/models/([^/{]+)")

INTRODUCTION = """Both services describe themselves: `/docs` is the description as a page that sends requests too \
(Swagger UI, from the service itself; Apache License 2.0, by way of the package fastapi-offline), `/openapi.json` the \
document. As files, *serve* with the models of this repository: [ingest.json](openapi/ingest.json), \
[serve.json](openapi/serve.json). [REST and access](../rest.md) explains keys, rates and limits."""


def documents(root: Path) -> dict[str, Document]:
    """The document of each interface by its name."""
    return {"ingest": ingest(), "serve": serve(root)}


def ingest() -> Document:
    """As ingest gives it; no route is called, so nothing stands behind them."""
    settings = IngestSettings.model_fields
    app = create_app(
        cast(Any, None),
        cast(Any, None),
        cast(Any, None),
        max_body_bytes=settings["max_body_bytes"].default,
        retry_after_s=settings["retry_after_s"].default,
    )
    return cast(Document, json.loads(json.dumps(app.openapi())))


def serve(root: Path) -> Document:
    """As serve gives it for the models of the repository."""
    specs = load_models(root / "models")
    schemas = SchemaCatalog.load(root / "schemas", specs)
    settings = ServeSettings.model_fields
    endpoints = {}
    for name, spec in specs.items():
        record = schemas.record(name)
        layout = layout_of(record.json)
        assert layout is not None
        endpoints[name] = ModelEndpoint(spec, record, layout.arrow, Predictor(name), SystemClock().now_ms)
    limits = Limits(
        settings["max_body_kb"].default * 1_024, settings["max_instances"].default, settings["retry_after_s"].default
    )
    return cast(Document, json.loads(json.dumps(describe_api(endpoints, limits))))


def written(found: dict[str, Document]) -> str:
    """The page."""
    parts: list[str] = []
    for name, document in found.items():
        head = ["request", "what", "answers"]
        parts += [f"## {name.title()}", document["info"]["description"], table(head, _rows(document))]
    return page("REST", INTRODUCTION, *parts)


def _rows(document: Document) -> Iterator[tuple[str, ...]]:
    for (method, path), (model, operation) in _of_one_model(document).items():
        summary = operation.get("summary", "")
        summary = summary.replace(model, "a model") if model else summary
        yield (
            code(f"{method.upper()} {path}"),
            summary[:1].upper() + summary[1:],
            ", ".join(sorted(operation["responses"])),
        )


def _of_one_model(document: Document) -> dict[tuple[str, str], tuple[str, Document]]:
    """The operations by method and path, those of the first model for all: the others have the same."""
    found: dict[tuple[str, str], tuple[str, Document]] = {}
    for path, operations in document["paths"].items():
        model = MODEL_PATH.match(path)
        general = path.replace(model[1], "{model}", 1) if model else path
        for method, operation in operations.items():
            found.setdefault((method, general), (model[1] if model else "", operation))
    return found
