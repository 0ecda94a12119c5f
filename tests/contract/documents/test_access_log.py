"""The page about the access log names every way to data: whoever adds one has to say whether it is seen."""

from __future__ import annotations

import re
from typing import Any, cast

import click
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from opentelemetry.trace import NoOpTracer

from tests.contract.contract import ROOT
from tidemill.access import Scope
from tidemill.service import Health
from tidemill.web.layers import needing
from tidemill_cli.app import cli
from tidemill_inference.rest.handler import Limits, Predicting
from tidemill_inference.rest.protocols.v1 import add_v1
from tidemill_inference.rest.protocols.v2 import add_v2
from tidemill_inference.rest.tracing import RequestSpans
from tidemill_ingest.web.api import create_app

PAGE = (ROOT / "docs" / "access-log.md").read_text(encoding="utf-8")
READING = {
    "trace", "explain", "dlq list", "dlq show", "audit", "predict", "backtest", "drift", "quality", "models reproduce",
    "models new", "backup",
}  # fmt: skip
"""Commands that read records, or figures of them, without HTTP."""


def routes() -> set[str]:
    """Every route of ingest and serve that is not open to all."""
    predicting = Predicting({}, lambda *_: None, Limits(1, 1, 1), RequestSpans(NoOpTracer()))
    serve, nothing = FastAPI(), cast(Any, None)
    add_v1(serve, predicting)
    add_v2(serve, predicting, Health())
    ingest = create_app(nothing, nothing, nothing, max_body_bytes=1, retry_after_s=1)
    closed = needing(Scope.PREDICT, ("/v2", "/v2/health/live", "/v2/health/ready", "/docs/oauth2-redirect", "/redoc"))
    return {
        f"{method} {route.path}"
        for app in (serve, ingest)
        for route in app.routes
        if isinstance(route, APIRoute) and closed(route.path) is not None
        for method in route.methods
    }


def test_every_route_stands_on_the_page_and_no_other() -> None:
    assert set(re.findall(r"`((?:GET|POST) /[^`]+)`", PAGE)) == routes()


@pytest.mark.parametrize("name", sorted(READING))
def test_a_command_that_reads_records_is_told_as_not_seen(name: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith("|") and f"`tidemill {name}`" in line)
    assert "**not here**" in row
    command: click.Command = cli
    for part in name.split():
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), part)
        assert found is not None, f"there is no command {name}"
        command = found


def test_every_command_that_the_page_names_is_one() -> None:
    for name in re.findall(r"`tidemill ([a-z ]+)`", PAGE):
        command: click.Command | None = cli
        for part in name.split():
            command = command.get_command(click.Context(command), part) if isinstance(command, click.Group) else None
        assert command is not None, name
