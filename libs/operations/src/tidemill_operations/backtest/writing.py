"""Writes a policy into the model file: its words take the place of the file's, and all else stays as it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.model_file.load import parse_model
from tidemill_operations.backtest.policies import SECTIONS, Override
from tidemill_operations.errors import NotPossible


@dataclass(frozen=True, slots=True)
class _Edit:
    """`text` in the place of characters `begin` to `end`."""

    begin: int
    end: int
    text: str


def written_into(model_text: str, policy_text: str) -> str:
    """The model file's text with the words of a policy file: a key that is there has its value replaced, another one is
    added to its section, a section that is not there at the end. Comments stay.

    >>> written_into("training: {first_after: 5} # few\\n", "training: {first_after: 9, newest: 20}\\n")
    'training: {newest: 20, first_after: 9} # few\\n'
    """
    sections = _entries(yaml.compose(model_text, yaml.SafeLoader))
    edits: list[_Edit] = []
    added = ""
    for name, (_, wanted) in _entries(yaml.compose(policy_text, yaml.SafeLoader)).items():
        if name not in SECTIONS:
            continue
        if name not in sections:
            added += f"{name}: {_flow(wanted, policy_text)}\n"
            continue
        edits += _section_edits(sections[name][1], wanted, policy_text)
    for edit in sorted(edits, key=lambda one: one.begin, reverse=True):
        model_text = model_text[: edit.begin] + edit.text + model_text[edit.end :]
    newline = "" if not added or model_text.endswith("\n") else "\n"
    return model_text + newline + added


def write_policy(spec: ModelSpec, policy: Override) -> Path:
    """Writes the policy into the file that the model was read from, whole or not at all; gives that file. Raises
    NotPossible where the outcome would not be that model with this policy.
    """
    if spec.source is None or policy.file is None:
        raise NotPossible(f"{spec.name} was not read from a file")
    path = spec.source.file
    text = written_into(path.read_text(encoding="utf-8"), policy.file.read_text(encoding="utf-8"))
    if parse_model(path, text) != policy.spec:
        raise NotPossible(
            f"{path} is written in a way that is left alone: put the words of {policy.file} there by hand"
        )
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise NotPossible(f"cannot write {path}: {error.strerror}") from error
    return path


def _section_edits(section: yaml.Node, wanted: yaml.Node, policy_text: str) -> list[_Edit]:
    present = _entries(section)
    edits, more = [], []
    for key, (_, value) in _entries(wanted).items():
        text = _flow(value, policy_text)
        if key in present:
            node = present[key][1]
            edits.append(_Edit(node.start_mark.index, _end(node), text))
        else:
            more.append(f"{key}: {text}")
    if more and isinstance(section, yaml.MappingNode) and section.flow_style:
        at = section.start_mark.index + 1
        edits.append(_Edit(at, at, ", ".join(more) + (", " if present else "")))
    elif more and present:
        first = next(iter(present.values()))[0].start_mark
        edits.append(_Edit(first.index, first.index, "".join(f"{one}\n{' ' * first.column}" for one in more)))
    return edits


def _entries(node: yaml.Node | None) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: (key, value) for key, value in node.value}


def _flow(node: yaml.Node, text: str) -> str:
    """A value on one line, its scalars as they are written."""
    if isinstance(node, yaml.MappingNode):
        return "{" + ", ".join(f"{_flow(key, text)}: {_flow(value, text)}" for key, value in node.value) + "}"
    if isinstance(node, yaml.SequenceNode):
        return "[" + ", ".join(_flow(one, text) for one in node.value) + "]"
    return text[node.start_mark.index : node.end_mark.index]


def _end(node: yaml.Node) -> int:
    """Where a value ends: a block's own end lies behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)
