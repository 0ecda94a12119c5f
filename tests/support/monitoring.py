"""Prometheus and Alertmanager for tests, with the shipped configurations; nothing of it is needed to run the tests."""

from __future__ import annotations

import os
import shutil


def program_of(*names: str) -> str | None:
    """Where a program is: named by TIDEMILL_<first name>, or on the PATH under any of its names; None if nowhere."""
    named = os.environ.get(f"TIDEMILL_{names[0].upper()}")
    return named or next((path for path in map(shutil.which, names) if path), None)
