from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from tests.broker.inference.world import MODEL, World
from tests.support.models.toy_models import toy_probability
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.scan import scan
from tidemill_cli.app import cli


@pytest.fixture
def run(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    settings = world.settings
    told = {
        "KAFKA_BOOTSTRAP": settings.kafka_bootstrap, "PREFIX": settings.prefix, "SCHEMAS": settings.schemas,
        "MODELS_DIR": settings.models_dir, "MODELS": MODEL, "ARTIFACTS": world.store,
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(f"TIDEMILL_{name}", str(value))

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["predict", *arguments])

    return command


def test_the_clean_topic_is_scored_anew_with_a_version_that_no_longer_serves(world: World, run: Any) -> None:
    world.push(range(100))
    world.release(1)
    world.release(2)
    done = run("--from", "10", "--version", "1", "--out", "anew.parquet")
    assert done.exit_code == 0, done.output
    frame = pl.read_parquet("anew.parquet")
    places = set(zip(frame["partition"].to_list(), frame["offset"].to_list(), strict=True))
    assert places == {(p, o) for p, o in world.clean_positions() if o >= 10}
    assert frame["probability"].to_list() == pytest.approx([toy_probability(1, 1.0)] * len(frame), abs=1e-6)
    assert "version 1" in done.output
    assert "version 2" in run("--from", "2020-01-01T00:00:00Z", "--out", "now.csv").output
    assert pl.read_csv("now.csv").height == 100
    unknown = run("--from", "0", "--version", "9", "--out", "x.csv")
    assert (unknown.exit_code, "there are 1, 2" in unknown.output) == (1, True)
    assert world.predictions() == []


def test_predictions_made_anew_go_to_a_topic_of_ones_own(world: World, run: Any) -> None:
    from confluent_kafka.admin import NewTopic

    mine = f"{world.settings.prefix}mine"
    client = admin(world.settings)
    for future in client.create_topics([NewTopic(mine, 2, 1)]).values():
        future.result(timeout=30)
    world.push(range(50))
    world.release(1)
    done = run("--from", "0", "--topic", mine)
    assert done.exit_code == 0, done.output
    schema = world.schemas.prediction(MODEL)
    rows = [
        row | {"at": batch.partitions[k]}
        for batch in scan(world.settings, mine)
        for k, row in enumerate(world.codec.decode(batch.values, schema).rows.to_pylist())
    ]
    assert {(row["input_partition"], row["input_offset"]) for row in rows} == world.clean_positions()
    assert all(row["at"] == row["input_partition"] for row in rows)
    assert {(row["version"], row["epoch"]) for row in rows} == {(1, 1)}
