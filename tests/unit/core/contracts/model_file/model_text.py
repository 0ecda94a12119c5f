"""A small model file to change in tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.contracts.model_file import ModelFileError, ModelSpec
from tidemill.contracts.model_file.load import parse_model

HEAD = """\
model: loan-default
schema: loan-default.avsc
entity: customer
event_time: asked_at
"""
TARGET = """\
target: {label: defaulted, task: binary}
"""
FEATURES = """\
features:
  amount: number
"""
MINIMAL = HEAD + TARGET + FEATURES


def parse(text: str) -> ModelSpec:
    """The model in a text."""
    return parse_model(Path("loan-default.yaml"), text)


def refused(text: str) -> ModelFileError:
    """The error that a text leads to."""
    with pytest.raises(ModelFileError) as caught:
        parse(text)
    return caught.value


def at(error: ModelFileError) -> tuple[int, int]:
    """Its line and column."""
    return error.line, error.column
