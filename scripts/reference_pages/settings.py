"""Every setting, from the classes that read it."""

from __future__ import annotations

from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from reference_pages.markdown import code, page, table
from tidemill_operations.project.settings_classes import default_text, settings_by_part

INTRODUCTION = """Each is a variable of the environment (`TIDEMILL_PARTITIONS=8`) or a key of \
[`tidemill.yaml`](../project.md) (`partitions: 8`). The environment wins over the file, the file over the default. \
With `_FILE` behind its name a variable names a file that holds the value, as secrets do \
(`TIDEMILL_DATABASE_URL_FILE=/run/secrets/database`). `TIDEMILL_CONFIG` names another file than `tidemill.yaml`, \
`TIDEMILL_RUN_FILE` another than `var/run/platform.json`, by which commands find a platform that runs here. Any \
setting of Kafka's client is a setting too: `TIDEMILL_KAFKA_SECURITY_PROTOCOL` is `security.protocol` ([your own \
Kafka](../connect-to-your-kafka.md))."""
WORDS = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`", Path: "path"}
BOUNDS = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}


def written() -> str:
    """The page."""
    parts: list[str] = []
    for title, own in settings_by_part():
        rows = [(code(key), type_of(field), code(default_text(field)) or "–", field.description or "")
                for key, field in own.items()]  # fmt: skip
        parts += [f"## {title[0].upper()}{title[1:]}", table(["setting", "type", "default", "meaning"], rows)]
    return page("Settings", INTRODUCTION, *parts)


def type_of(field: FieldInfo) -> str:
    """What a value may be, in words, with its bounds."""
    bounds = [
        form.format(f"{getattr(one, name):g}")
        for one in field.metadata
        for name, form in BOUNDS.items()
        if getattr(one, name, None) is not None
    ]
    return " ".join([_words(field.annotation), *bounds])


def _words(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _words(arguments[0])
    if origin is Literal:
        return ", ".join(code(str(one)) for one in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_words(one) for one in arguments if one is not NoneType)
    if origin is tuple:
        return "list, by commas"
    return WORDS.get(kind, "text")
