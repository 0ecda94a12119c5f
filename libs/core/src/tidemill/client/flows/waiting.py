"""What serves, and until another version does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidemill.client.errors import WaitedTooLong
from tidemill.client.exchange import Flow, Patience, Pause, Request, ask
from tidemill.client.flows.forms import model_path

__all__ = ["ServedModel", "read_model", "read_models", "wait_for_version"]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model and what serves of it. `version` and `epoch` are None before the first version."""

    name: str
    task: str
    version: int | None
    epoch: int | None
    digest: str | None
    serving_since: datetime | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> ServedModel:
        since = told.get("serving_since")
        return cls(
            told["name"], told["task"], told.get("version"), told.get("epoch"), told.get("digest"),
            datetime.fromisoformat(since) if since else None,
        )  # fmt: skip


def read_models(retry_s: float) -> Flow[list[ServedModel]]:
    """All models that are served. Raises NotReachable, Refused."""
    answer = yield from ask(Request("serve", "GET", "/v1/models"), Patience(retry_s))
    return [ServedModel.of(told) for told in answer.json()["models"]]


def read_model(model: str, retry_s: float) -> Flow[ServedModel]:
    """One of them; raises UnknownModel too."""
    answer = yield from ask(Request("serve", "GET", model_path(model)), Patience(retry_s))
    return ServedModel.of(answer.json())


def wait_for_version(model: str, at_least: int, timeout: float, every: float) -> Flow[ServedModel]:
    """Returns when a version with this number, or a later one, serves. Raises WaitedTooLong, with what serves instead,
    NotReachable where nothing answered to the end, Refused.
    """
    deadline = time.monotonic() + timeout
    while True:
        left = deadline - time.monotonic()
        found = yield from read_model(model, max(left, 0))
        if found.version is not None and found.version >= at_least:
            return found
        if time.monotonic() + every > deadline:
            serves = f"version {found.version} serves" if found.version else "none serves yet"
            cure = "`tidemill status` says what is missing"
            raise WaitedTooLong(f"{model}: no version {at_least} or later within {timeout:g} s, {serves}: {cure}")
        yield Pause(every)
