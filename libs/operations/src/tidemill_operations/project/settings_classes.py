"""The settings of everything that is installed here, as their classes describe them."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from tidemill.config_file import variable
from tidemill.service.run import describe

MODULES: Final = (
    ("tidemill.settings", "Kafka, and what all services share"),
    ("tidemill.access.settings", "HTTP interfaces: keys, tokens, limits (ingest, serve)"),
    ("tidemill.notify.settings", "notifications (trainer)"),
    ("tidemill_operations.sign_in.settings", "signing in (`tidemill login`)"),
    ("tidemill_embedded.start.settings", "the start of a platform on this machine (`tidemill up`)"),
    ("tidemill_ingest.settings", "ingest"),
    ("tidemill_validator.settings", "validator"),
    ("tidemill_trainer.settings", "trainer"),
    ("tidemill_inference.settings", "inference: serve and stream"),
    ("tidemill_drift.settings", "drift: profile and detect"),
)
WIDTH: Final = 116


def settings_classes() -> Iterator[type[BaseSettings]]:
    """The classes of the packages that are installed."""
    for name, _ in MODULES:
        yield from _classes(name)


def refusals(settings: type[BaseSettings]) -> list[str]:
    """What a class says of the environment as it is; empty where all is right."""
    try:
        settings()
    except ValidationError as error:
        first, *others = describe(error).split("; TIDEMILL_")
        return [first, *(f"TIDEMILL_{other}" for other in others)]
    return []


def setting_names() -> set[str]:
    """Every key that the installed classes know."""
    return {key for settings in settings_classes() for key in _own(settings, set())}


def config_text(project: str) -> str:
    """A `tidemill.yaml` in which every setting stands as a comment, with what it means and its default."""
    lines = [
        f"# Settings of {project}: they hold for every command and service that starts in this folder.",
        "# A variable TIDEMILL_<NAME> of the environment wins over what stands here; without either the default holds.",
        "# Settings of Kafka's client have their own names behind kafka_, such as kafka_security_protocol.",
    ]
    for title, own in settings_by_part():
        lines += ["", f"# == {title}"]
        for key, field in own.items():
            lines += ["", *(f"# {line}" for line in wrap(field.description or "", WIDTH))]
            lines.append(f"# {key}: {default_text(field)}".rstrip())
    return "\n".join(lines) + "\n"


def settings_by_part() -> Iterator[tuple[str, dict[str, FieldInfo]]]:
    """What a part is called, and its settings by the key that `tidemill.yaml` has for them; each stands once, where it
    comes first.
    """
    known: set[str] = set()
    for name, title in MODULES:
        own = {key: field for cls in _classes(name) for key, field in _own(cls, known).items()}
        known |= own.keys()
        if own:
            yield title, own


def _classes(module: str) -> list[type[BaseSettings]]:
    try:
        if importlib.util.find_spec(module) is None:
            return []
        found = vars(importlib.import_module(module)).values()
    except ModuleNotFoundError:  # the package, or an extra that it needs, is not installed here
        return []
    classes = (one for one in found if isinstance(one, type) and issubclass(one, BaseSettings))
    return [one for one in classes if one is not BaseSettings and one.__module__ == module]


def _own(settings: type[BaseSettings], known: set[str]) -> dict[str, FieldInfo]:
    """The keys that a class has and no earlier one."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    named = {(prefix + name.upper()).removeprefix(variable("")).lower(): f for name, f in settings.model_fields.items()}
    return {key: field for key, field in named.items() if key not in known}


def default_text(field: FieldInfo) -> str:
    """The default as `tidemill.yaml` would say it; empty where nothing holds."""
    value: Any = field.get_default(call_default_factory=True) if field.default is not PydanticUndefined else None
    if value is None or value == "" or value == ():
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return json.dumps(value) if isinstance(value, bool | int | float) else str(value)
