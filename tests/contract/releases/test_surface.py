"""The public surface keeps what the last release had, or docs/upgrade.md says what has become of it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tests.contract.contract import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from surface import gone_or_changed, surface

(LAST,) = Path(__file__).parent.glob("[0-9]*")
NEXT = re.compile(r"^## Unreleased$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def told(text: str) -> set[str]:
    """What the notes on the next release name in code."""
    found = NEXT.search(text)
    assert found, "docs/upgrade.md has no part `## Unreleased`"
    return set(re.findall(r"`([^`]+)`", found[1]))


def test_what_has_gone_or_changed_since_the_last_release_stands_in_the_upgrade_notes() -> None:
    before = json.loads((LAST / "surface.json").read_text(encoding="utf-8"))
    missing = set(gone_or_changed(before, surface(ROOT))) - told((ROOT / "docs/upgrade.md").read_text())
    assert sorted(missing) == [], "name each in docs/upgrade.md under `## Unreleased`, with what to do"


def test_a_name_that_went_a_meaning_that_changed_and_nothing_new_are_found() -> None:
    before = {"settings": {"partitions": "whole number; default 4", "old": "text", "prefix": "text"}}
    now = {"settings": {"partitions": "whole number; default 8", "new": "text", "prefix": "text"}}
    assert gone_or_changed(before, now) == ["partitions", "old"]
    assert gone_or_changed({"rest": {"serve GET /v2": "answers 200"}}, {}) == ["serve GET /v2"]


def test_only_the_notes_on_the_next_release_count() -> None:
    text = "# Upgrade\n\n## Unreleased\n- `old` is now `new`.\n\n## 0.1.0\n- `older`\n"
    assert told(text) == {"old", "new"}
