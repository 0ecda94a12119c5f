"""What others say of our wheels and source distributions before they are released."""

from __future__ import annotations

from pathlib import Path

from tests.packaging.conftest import quiet
from tests.support.processes.venvs import interpreter

WANTED = "W002,W004"
"""A schema stands in the history as well (W002); Alembic numbers its scripts, which nobody imports by name (W004)."""
LOCK = Path(__file__).with_name("lock.txt")


def test_the_index_would_take_every_distribution_without_a_warning(built: Path) -> None:
    files = [str(path) for end in ("*.whl", "*.tar.gz") for path in built.glob(end)]
    said = quiet([str(interpreter(LOCK)), "-m", "twine", "check", "--strict", *files], built)
    assert said.count("PASSED") == len(files) == 22


def test_no_wheel_has_a_file_too_many_or_too_few(built: Path) -> None:
    program = interpreter(LOCK).with_name("check-wheel-contents")
    wheels = [str(path) for path in built.glob("*.whl")]
    said = quiet([str(program), "--ignore", WANTED, *wheels], built)
    assert said.count(": OK") == len(wheels) == 11
