"""Whether the model files are what is at work: as the processes say, and as the files lie there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemill.contracts.usable import usable_models
from tidemill.errors import ConfigError
from tidemill_operations.standing.scrape import ask

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """`mistakes`: what is wrong in the files and not taken up, each with place and cure. `processes`: of each that
    answers, the hash of what it works by, its models, and what it waits for. `unread`: models at work whose files are
    not right now, so that nothing more can be told of them.
    """

    mistakes: tuple[str, ...]
    processes: Mapping[str, Mapping[str, Any]]
    unread: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """As JSON has it. `current`: nothing is wrong and nothing waits."""
        waits = any(told["waits"] for told in self.processes.values())
        processes = {name: dict(told) for name, told in self.processes.items()}
        return {"current": not self.mistakes and not waits, "mistakes": list(self.mistakes), "processes": processes}

    def lines(self) -> Iterator[str]:
        """What a person should know; nothing where all is well."""
        for mistake in self.mistakes:
            yield f"model files: not taken up, what is at work goes on: {mistake}"
        if self.unread:
            yield f"{', '.join(self.unread)}: at work as read before; the rest is told when the model files are right"
        waiting: dict[str, list[str]] = {}
        for name, told in self.processes.items():
            if told["waits"]:
                waiting.setdefault(told["waits"], []).append(name)
        for why, names in waiting.items():
            yield f"model files: {', '.join(names)} wait to take up a change: {why}"


def read_model_files(platform: PlatformView) -> ModelFiles:
    """What the processes of a platform on this machine say, and what is wrong in the folder that this command reads."""
    told = {name: _told(process) for name, process in platform.facts.get("processes", {}).items()}
    processes = {name: one for name, one in told.items() if one is not None}
    mistakes = [mistake for one in processes.values() for mistake in one["mistakes"]]
    right, wrong = _files_here(platform)
    unread = {model for one in processes.values() for model in one["models"]} - right
    return ModelFiles(tuple(dict.fromkeys([*mistakes, *wrong])), processes, tuple(sorted(unread)))


def _files_here(platform: PlatformView) -> tuple[set[str], list[str]]:
    """The models whose files are right, and what is wrong with the others."""
    settings = platform.settings
    try:
        right, refused = usable_models(settings.models_dir, settings.schemas, settings.models)
    except ConfigError as error:
        return set(), str(error).splitlines()
    return {*right}, [line for error in refused for line in str(error).splitlines()]


def _told(process: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a service says of its contract; None where it does not answer, or has none."""
    try:
        body = json.loads(ask(process, "/health/ready"))
    except ValueError:
        return None
    found = body.get("contract") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else None
