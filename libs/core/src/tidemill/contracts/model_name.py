"""What a model may be called: topics, files, paths and scopes carry the name."""

from __future__ import annotations

import re

__all__ = ["LONGEST_MODEL_NAME", "MODEL_NAME", "is_model_name"]

MODEL_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
LONGEST_MODEL_NAME = 100  # topics add a suffix and a prefix, and Kafka allows 249 in all


def is_model_name(text: str) -> bool:
    """Whether a model may be called so."""
    return len(text) <= LONGEST_MODEL_NAME and MODEL_NAME.fullmatch(text) is not None
