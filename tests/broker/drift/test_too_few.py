"""Status reads off the topics of a real broker how many rows a day there are, and says what is too few to watch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.broker.drift.conftest import MODEL, PARTITIONS, World
from tidemill.contracts.model_file import Drift
from tidemill.settings import CommonSettings
from tidemill_operations.platform import PlatformView
from tidemill_operations.standing.watchable import NEWEST, read_too_few


@pytest.mark.parametrize("rows", [60, 3 * NEWEST])
def test_rows_a_day_are_read_off_the_newest_of_each_partition(world: World, root: Path, rows: int) -> None:
    settings = CommonSettings(
        kafka_bootstrap=world.settings.kafka_bootstrap, prefix=world.settings.prefix, schemas=root / "schemas",
        models_dir=world.folder / "models",
    )  # fmt: skip
    platform = PlatformView(settings, {})
    spec = platform.models[MODEL]
    assert read_too_few(platform, spec) == [], "nothing is there yet"
    world.push(0, rows, late=0.25)
    assert read_too_few(platform, spec) == []
    wide = replace(spec, drift=Drift(window=1_000_000))
    (said,) = read_too_few(platform, wide)
    a_day = int(said.split(" a day")[0].rsplit(" ", 1)[1].replace(",", ""))
    assert abs(a_day - 24 * 50 * PARTITIONS) <= 60
    assert "64,517 needed (2,000,000 within 31 days)" in said
