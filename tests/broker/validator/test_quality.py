"""Quality on a real broker: what the validator writes, what its followers do, what a person sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.broker.validator.conftest import AT_MS, MODEL, Bench
from tests.support.polling import until
from tidemill.contracts.events.controls import ValidatorControl
from tidemill.kafka.client.scan import scan
from tidemill_cli.commands.data.quality import quality

DAY_MS = 86_400_000
RULES = """
privacy: {tail_number: hash}
expectations:
  - expect_column_mean_to_be_between: {column: distance, min_value: 1000, severity: critical}
  - expect_column_values_to_match_regex: {column: tail_number, regex: "^N", severity: warning}
"""


@pytest.fixture
def strict(bench: Bench, tmp_path: Path, root: Path) -> Bench:
    """The bench, its model file with a rule by window that pauses, and a privacy rule."""
    folder = tmp_path / "models"
    folder.mkdir()
    given = (root / "models" / f"{MODEL}.yaml").read_text(encoding="utf-8")
    (folder / f"{MODEL}.yaml").write_text(given.replace("\nexpectations:\n", RULES, 1), encoding="utf-8")
    key = tmp_path / "key"
    key.write_bytes(b"a key of at least sixteen bytes")
    bench.settings = bench.settings.model_copy(update={"models_dir": folder, "privacy_key_file": key})
    return bench


def controls(bench: Bench) -> list[ValidatorControl]:
    schema = bench.schemas.platform("validator-control")
    values = [v for batch in scan(bench.settings, bench.topics.name("validator_controls")) for v in batch.values]
    return [ValidatorControl.from_dict(bench.codec.decode_one(value, schema)) for value in values]


def push(bench: Bench, ids: str, **fields: Any) -> None:
    values: list[bytes | None] = [bench.event(f"{ids}{k}", **fields) for k in range(8)]
    partitions = [k % 4 for k in range(8)]
    bench.push("raw", bench.output("raw", values, keys=[b"N1"] * 8, partitions=partitions))


def test_a_window_over_all_partitions_pauses_the_model_and_a_person_sees_why(
    strict: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict.start()
    push(strict, "a", distance=500.0, tail_number="secret")
    push(strict, "b", scheduled_at=AT_MS + 3 * DAY_MS)
    strict.until_judged("raw", 16)
    until(lambda: controls(strict), 60, "a pause")
    (control, *_) = controls(strict)
    assert (control.model, control.role, control.action) == (MODEL, "raw", "paused")
    assert control.reason == "expect_column_mean_to_be_between (distance, min_value=1000) does not hold: 500"
    assert {key for _, _, key, _, _ in strict.read("clean")}.isdisjoint({b"N1", b"secret"})

    settings = strict.settings
    for name in ("kafka_bootstrap", "prefix", "schemas", "models_dir"):
        monkeypatch.setenv(f"TIDEMILL_{name.upper()}", str(getattr(settings, name)))
    page = tmp_path / "quality.html"
    result = CliRunner().invoke(quality, [MODEL, "--html", str(page), "--since", "1h", "--check"])
    assert result.exit_code == 1, result.output
    assert "16 rows, 16 clean, 0 dead" in result.output
    text = page.read_text(encoding="utf-8")
    assert "expect_column_mean_to_be_between" in text
    assert "•••" in text and "secret" not in text
