"""The public surface: what people and programs outside write or read by name. `python scripts/surface.py` prints it.

A name each, and what would break somebody if it changed. docs/versions.md says what counts as that. With each release
it is frozen (`tests/contract/releases/freeze.py`), and what has gone or changed since has to stand in docs/upgrade.md
(`tests/contract/releases/test_surface.py`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from reference_pages import metrics, rest
from reference_pages.commands import commands
from reference_pages.model_file import type_of
from reference_pages.settings import type_of as setting_type

from tidemill.contracts.model_file.json_schema import model_file_schema
from tidemill.contracts.schemas.catalog import read_schema
from tidemill.contracts.topics import TopicCatalog
from tidemill_cli.app import cli
from tidemill_operations.project.settings_classes import default_text, settings_by_part

ROOT = Path(__file__).resolve().parent.parent
Surface = dict[str, dict[str, str]]


def surface(root: Path = ROOT) -> Surface:
    """Each part of the surface: what is there by name, and how it is to be used."""
    return {
        "commands": dict(_commands()),
        "settings": dict(_settings()),
        "metrics": dict(_metrics()),
        "rest": dict(_requests(root)),
        "model file": dict(_keys(model_file_schema(), "")),
        "topics": dict(_topics(root)),
        "events": dict(_events(root)),
    }


def gone_or_changed(before: Surface, now: Surface) -> list[str]:
    """What was there before and is not, or is another; a name each. What is new breaks nobody."""
    return [
        name for part, known in before.items() for name, told in known.items() if now.get(part, {}).get(name) != told
    ]


def _commands() -> Iterator[tuple[str, str]]:
    for name, command in commands(cli, click.Context(cli, info_name="tidemill")):
        yield name, " ".join(p.make_metavar(click.Context(command)) for p in command.params if _is_argument(p))
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                for flag in (*option.opts, *option.secondary_opts):
                    yield f"{name} {flag}", _option(option)


def _is_argument(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Argument)


def _option(option: click.Option) -> str:
    if option.is_flag:
        return "flag"
    kind = ", ".join(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else option.type.name
    default = "" if option.default is None or callable(option.default) else f"; default {option.default}"
    said = f"{kind}{default}" if isinstance(option.default, str | int | float | type(None)) else kind
    return said + ("; required" if option.required else "") + ("; several" if option.multiple else "")


def _settings() -> Iterator[tuple[str, str]]:
    for _, own in settings_by_part():
        for key, field in own.items():
            yield key, f"{setting_type(field)}; default {default_text(field) or 'none'}"


def _metrics() -> Iterator[tuple[str, str]]:
    for module, _ in metrics.MODULES:
        for metric in metrics.declared(module):
            (told,) = metric.describe()
            name = f"{told.name}_total" if told.type == "counter" else told.name
            yield name, f"{told.type} by {', '.join(metric._labelnames) or 'nothing'}"


def _requests(root: Path) -> Iterator[tuple[str, str]]:
    for service, document in rest.documents(root).items():
        for path, operations in document["paths"].items():
            model = rest.MODEL_PATH.match(path)
            general = path.replace(model[1], "{model}", 1) if model else path
            for method, operation in operations.items():
                yield f"{service} {method.upper()} {general}", f"answers {', '.join(sorted(operation['responses']))}"


def _keys(section: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, key in section["properties"].items():
        inner = "properties" in key
        default = f"; default {json.dumps(key['default'])}" if "default" in key else ""
        needed = "; required" if name in section.get("required", ()) else ""
        yield prefix + name, ("section" if inner else type_of(key)) + default + needed
        if inner:
            yield from _keys(key, f"{prefix}{name}.")


def _topics(root: Path) -> Iterator[tuple[str, str]]:
    for spec in TopicCatalog.load(root / "schemas").specs:
        yield spec.pattern, f"{spec.schema or 'bytes'} by {spec.key}, {spec.cleanup}"


def _events(root: Path) -> Iterator[tuple[str, str]]:
    """By fingerprint: any change means that readers have to come before writers."""
    for path in sorted((root / "schemas").glob("*.avsc")):
        yield path.stem, f"schema {read_schema(path, name=path.stem).fingerprint.hex()}"


def main() -> None:
    json.dump(surface(), sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
