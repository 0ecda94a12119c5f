"""`--help` of a service: what it is, and every setting that it reads from the environment."""

from __future__ import annotations

import argparse

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tidemill.settings import KafkaSettings

__all__ = ["parser", "settings_table"]


def parser(service: str, settings: type[KafkaSettings], description: str = "") -> argparse.ArgumentParser:
    """An argument parser for `service` whose `--help` ends with the table of its settings.

    Building it reads no environment.
    """
    return argparse.ArgumentParser(
        prog=service,
        description=description or None,
        epilog="settings (environment variables, defaults in brackets):\n" + settings_table(settings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def settings_table(settings: type[KafkaSettings]) -> str:
    """One entry per setting: its variable, its default and what it means, as text."""
    prefix = settings.model_config.get("env_prefix", "")
    return "\n".join(_entry(prefix, name, field) for name, field in settings.model_fields.items())


def _entry(prefix: str, name: str, field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        default = "required"
    else:
        default = "none" if field.default in (None, "", ()) else str(field.default)
    return f"  {(prefix + name).upper()} [{default}]\n      {field.description or ''}"
