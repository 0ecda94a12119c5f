"""The ends of logs that a failed test shows."""

from __future__ import annotations

from pathlib import Path

from tests.support.logs import LAST_CHARACTERS, tails


def test_the_end_of_each_log_is_shown_and_a_brokers_records_are_not(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "detect.log").write_text("a" + "b" * LAST_CHARACTERS)
    (tmp_path / "empty.log").write_text("\n")
    (tmp_path / "00000000000000000000.log").write_bytes(b"\x00\x01")
    assert tails(tmp_path) == [("run/detect.log", "b" * LAST_CHARACTERS)]
