"""Words and lists as a model file writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import yaml


def word(text: str) -> str:
    """Text that YAML reads as this text: plain where it can be."""
    plain = text.isascii() and text[:1].isalpha() and text.replace("_", "").replace("-", "").isalnum()
    return text if plain and yaml.safe_load(text) == text else json.dumps(text, ensure_ascii=False)


def flow(values: Sequence[str]) -> str:
    """A list on one line."""
    return f"[{', '.join(map(word, values))}]"
