"""What an image of ours would run, read from the Dockerfile: its stage's entry point, command and environment."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Image:
    """`entry` and `command` as their process is started; `python` is this interpreter."""

    entry: tuple[str, ...]
    command: tuple[str, ...]
    env: Mapping[str, str]


def image(dockerfile: Path, name: str) -> Image:
    """Of `tidemill/inference:1.2` the stage `inference`. Raises ValueError where there is none."""
    stages = _stages(dockerfile.read_text())
    stage = re.split(r"[:@]", name.rsplit("/", 1)[-1])[0]
    if stage not in stages:
        raise ValueError(f"no stage {stage!r} for the image {name!r} in {dockerfile.name}")
    entry: list[str] = []
    command: list[str] = []
    env: dict[str, str] = {}
    for line in _inherited(stages, stage):
        word, _, rest = line.partition(" ")
        if word == "ENV":
            env |= dict(part.split("=", 1) for part in shlex.split(rest))
        elif word == "ENTRYPOINT":
            entry = json.loads(rest)
        elif word == "CMD":
            command = json.loads(rest)
    own = {name: value for name, value in env.items() if name.startswith("TIDEMILL_") and "$" not in value}
    return Image(_here(entry), tuple(command), own)


def _here(entry: list[str]) -> tuple[str, ...]:
    return (sys.executable, *entry[1:]) if entry[:1] == ["python"] else tuple(entry)


def _stages(text: str) -> dict[str, tuple[str, list[str]]]:
    """By name, from what it is made and its lines; continued lines as one."""
    found: dict[str, tuple[str, list[str]]] = {}
    name = ""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if begun := re.fullmatch(r"FROM (\S+) AS (\S+)", line.strip()):
            name = begun[2]
            found[name] = begun[1], []
        elif name and line.strip() and not line.startswith("#"):
            found[name][1].append(line.strip())
    return found


def _inherited(stages: Mapping[str, tuple[str, list[str]]], name: str) -> list[str]:
    if name not in stages:
        return []
    made_from, lines = stages[name]
    return [*_inherited(stages, made_from), *lines]
