"""How long rows stay, and that no model keeps them for less than it needs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tidemill.contracts.model_file import ModelFileError
from tidemill.contracts.model_file.load import draft_model, parse_model

FILE = Path("models/tide.yaml")
PLAIN = """model: tide
schema: tide.avsc
entity: gauge
event_time: seen_at
target: {label: high, task: binary, delay: 1d, expires: 10d}
features: {wind: number}
"""


def kept(text: str) -> timedelta | None:
    return parse_model(FILE, PLAIN + text).rows_kept


def test_rows_stay_for_ever_where_nothing_is_said_and_so_long_where_it_is() -> None:
    assert kept("") is None
    assert kept("retention: {rows: 400d}\n") == timedelta(days=400)
    assert kept("retention: {rows: 10d}\n") == timedelta(days=10), "as long as an event waits for its label"


@pytest.mark.parametrize(
    ("text", "why", "cure"),
    [
        ("retention: {rows: 239h}\n", "`target.expires`", "10d"),
        ("drift: {window: 12d}\nretention: {rows: 12d}\n", "`drift.window` and `target.delay`", "13d"),
        ("retrain: {every: 30d}\nretention: {rows: 30d}\n", "`retrain.every` and `target.delay`", "31d"),
    ],
)
def test_a_retention_that_is_shorter_than_a_need_is_refused_at_its_place_with_what_would_do(
    text: str, why: str, cure: str
) -> None:
    with pytest.raises(ModelFileError, match="shorter") as refused:
        kept(text)
    error = refused.value
    assert why in error.message and cure in error.suggestion
    line = 7 if text.startswith("retention") else 8
    assert (error.line, error.column) == (line, text.splitlines()[-1].index("rows:") + 7)
    kept(text.replace(text[text.index("rows: ") :], f"rows: {cure}}}\n"))


def test_it_is_a_duration_under_its_one_key_and_no_mistake_follows_from_another() -> None:
    for wrong in ("retention: {rows: long}\n", "retention: {}\n", "retention: 400d\n", "retention: {row: 400d}\n"):
        with pytest.raises(ModelFileError):
            kept(wrong)
    wrong = PLAIN.replace("expires: 10d", "expires: soon") + "retention: {rows: 20d}\n"
    assert len(draft_model(FILE, wrong).mistakes) == 1, "30 days, the default, are not what was meant"
