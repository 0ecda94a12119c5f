"""A model file's text as the root of its values, or why it is no YAML."""

from __future__ import annotations

from pathlib import Path

import yaml

from tidemill.contracts.model_file.errors import Mistakes, ModelFileError
from tidemill.contracts.model_file.yaml.loader import Loader
from tidemill.contracts.model_file.yaml.nodes import Value

MOST_CHARACTERS = 4_000_000
"""Room for sets of values; a model file's own keys are four levels deep."""


def compose(file: Path, text: str) -> Value:
    """The root of a YAML document. Raises ModelFileError where it is not YAML or is empty."""
    if len(text) > MOST_CHARACTERS:
        raise ModelFileError(
            file, 1, 1, f"it has {len(text):,} characters: a model file has {MOST_CHARACTERS:,} at most"
        )
    try:
        root = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ModelFileError(file, line, column, f"not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # PyYAML makes numbers of escapes and versions itself
        raise ModelFileError(file, 1, 1, f"not YAML: {error}") from error
    if root is None:
        raise ModelFileError(file, 1, 1, "the file is empty")
    return Value(file, root, "", root, Mistakes())
