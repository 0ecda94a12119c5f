from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from tests.support.models.toy_models import sigmoid_graph, toy_manifest, toy_probability
from tidemill.artifact import FeatureColumn, Manifest, OnnxModel
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.kafka.batch import Batch
from tidemill_cli.app import cli
from tidemill_operations.predict import version as versions
from tidemill_operations.predict.parts import OtherJob, Parts
from tidemill_operations.predict.scoring import record_outputs, score
from tidemill_operations.predict.topics import PredictionTopic, TopicPredictor, TopicSink, score_topic
from tidemill_operations.predict.version import Version

ROOT = Path(__file__).resolve().parents[4]
MODEL = "flight-delay"
TOY = Version(3, 7, OnnxModel.load(sigmoid_graph("distance", 0.001), toy_manifest(MODEL, 3, "distance")))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMILL_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("TIDEMILL_SCHEMAS", str(ROOT / "schemas"))
    monkeypatch.setenv("TIDEMILL_MODELS_DIR", str(ROOT / "models"))
    monkeypatch.setattr(versions, "open_version", lambda platform, model, number: TOY)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["predict", "--model", MODEL, *arguments])


def flights(path: Path, rows: int) -> Path:
    lines = ["carrier,dest,origin,distance,colour"]
    lines += [f"ua,IAH,EWR,{n % 6_000},red" for n in range(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_every_row_of_a_file_has_a_line_with_its_prediction(here: Path, ending: str) -> None:
    file = flights(here / "flights.csv", 50)
    out = here / f"scored.{ending}"
    done = run(str(file), "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "50 rows by version 3" in done.output
    reader: dict[str, Any] = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}
    frame = reader[ending](out)
    assert frame.columns == ["line", "event_id", "version", "probability", "label", "error"]
    assert frame["line"].to_list() == list(range(2, 52))
    wanted = [1 / (1 + np.exp(-0.001 * n)) for n in range(50)]
    assert frame["probability"].to_list() == pytest.approx(wanted, abs=1e-6)
    assert not list(here.glob("*.parts"))


def test_a_row_that_the_stream_would_set_aside_has_the_reason_instead(here: Path) -> None:
    rows = [
        {"carrier": "UA", "dest": "IAH", "distance": 10.0},
        {"carrier": "UA", "dest": "IAH", "distance": -1.0},
        {"carrier": "United", "dest": None, "distance": 1.0},
        {"carrier": "UA", "dest": "IAH", "distance": "far"},
        [],
    ]
    file = here / "flights.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    done = run(str(file), "--out", "out.jsonl")
    assert done.exit_code == 1
    assert "4 of them have no prediction" in done.output
    found = [json.loads(line) for line in (here / "out.jsonl").read_text().splitlines()]
    assert [row["line"] for row in found] == [1, 2, 3, 4, 5]
    assert [row["probability"] is None for row in found] == [False, True, True, True, True]
    assert "below 0" in found[1]["error"]
    assert "carrier" in found[2]["error"]
    assert "dest" in found[2]["error"]
    assert "distance" in found[3]["error"]
    assert "object" in found[4]["error"]


def test_a_job_that_was_broken_off_goes_on_where_it_was(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tidemill_cli.commands.data import predict as command

    monkeypatch.setattr(command, "CHUNK_ROWS", 10)
    file = flights(here / "flights.csv", 35)
    asked: list[int] = []

    class Breaks(OnnxModel):
        def score(self, inputs: Any) -> Any:
            asked.append(len(inputs["distance"]))
            if len(asked) == 3:
                raise KeyboardInterrupt
            return super().score(inputs)

    breaking = Version(3, 7, Breaks.load(sigmoid_graph("distance", 0.001), toy_manifest(MODEL, 3, "distance")))
    monkeypatch.setattr(versions, "open_version", lambda platform, model, number: breaking)
    assert run(str(file), "--out", "out.parquet").exit_code != 0
    assert not (here / "out.parquet").exists()
    done = run(str(file), "--out", "out.parquet")
    assert done.exit_code == 0, done.output
    assert "continuing behind row 20" in done.output
    assert asked == [10, 10, 10, 10, 5]
    frame = pl.read_parquet(here / "out.parquet")
    assert frame["line"].to_list() == list(range(2, 37))
    assert frame["event_id"].n_unique() == 35


def test_what_cannot_be_asked_is_said(here: Path) -> None:
    file = str(flights(here / "flights.csv", 3))
    for arguments, said in (
        ((), "name a FILE"),
        ((file, "--from", "0"), "name a FILE"),
        ((file, "--topic", "t"), "--from"),
        ((file, "--out", "x.xlsx"), "Known endings"),
        (("--from", "0"), "--out FILE or --topic"),
        (("--from", "soon", "--out", "x.csv"), "neither an offset nor a time"),
        (("--from", "0", "--topic", f"{MODEL}-predictions"), "the platform's own"),
    ):
        done = run(*arguments)
        assert done.exit_code != 0
        assert said in done.output, done.output


def test_parts_of_another_job_are_not_gone_on_with(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    parts = Parts(target, {"version": 1})
    parts.add(pl.DataFrame({"line": [1]}), 1)
    assert Parts(target, {"version": 1}).next == 1
    with pytest.raises(OtherJob):
        Parts(target, {"version": 2})


SPECS = load_models(ROOT / "models", only=[MODEL])
SCHEMAS = SchemaCatalog.load(ROOT / "schemas", SPECS)


def clean_batch(first: int, distances: list[float | None], partition: int = 1) -> Batch:
    n = len(distances)
    rows = pa.record_batch(
        {
            "event_id": [f"e{first + k}" for k in range(n)],
            "scheduled_at": pa.array([1_700_000_000_000] * n, pa.timestamp("ms", tz="UTC")),
            "distance": pa.array(distances, pa.float64()),
        }
    )
    values: list[bytes | None] = [*Codec(SCHEMAS).encode(rows, SCHEMAS.record(MODEL)), b"rubbish"]
    return Batch(
        topic="clean", partitions=[partition] * (n + 1), offsets=list(range(first, first + n + 1)),
        timestamps_ms=[0] * (n + 1), keys=[f"N{k}".encode() for k in range(n)] + [None], values=values,
        headers=[None] * (n + 1),
    )  # fmt: skip


def test_the_clean_topic_is_scored_anew_into_parts_with_its_positions(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "out.parquet", {"job": 1})
    predictor = TopicPredictor(SPECS[MODEL], SCHEMAS.record(MODEL), Codec(SCHEMAS), TOY)
    batches = [clean_batch(0, [100.0, None, 200.0]), clean_batch(4, [300.0])]
    told: list[int] = []
    score_topic(batches, predictor, parts, {"0": 0, "1": 0}, told.append)
    assert parts.next == {"0": 0, "1": 6}
    assert (parts.rows, parts.errors, told) == (3 + 0, 3, [4, 2])
    parts.finish()
    frame = pl.read_parquet(tmp_path / "out.parquet")
    assert frame["offset"].to_list() == [0, 2, 4]
    assert frame["key"].to_list() == ["N0", "N2", "N0"]
    assert frame["probability"].to_list() == pytest.approx(
        [1 / (1 + np.exp(-d / 1_000)) for d in (100, 200, 300)], abs=1e-6
    )


def test_on_a_topic_they_are_predictions_whose_ids_are_the_same_when_they_are_written_twice(tmp_path: Path) -> None:
    published: list[tuple[str, bytes, bytes, int]] = []

    def publish(topic: str, keys: list[bytes], values: list[bytes], partitions: list[int]) -> None:
        published.extend(zip([topic] * len(keys), keys, values, partitions, strict=True))

    schema, codec = SCHEMAS.prediction(MODEL), Codec(SCHEMAS)
    predictor = TopicPredictor(SPECS[MODEL], SCHEMAS.record(MODEL), codec, TOY)
    for name in ("a", "b"):
        target = PredictionTopic(publish=publish, topic="mine", codec=codec, schema=schema, model=MODEL)
        sink = TopicSink(target, TOY, Parts(tmp_path / f"{name}.parquet", {}))
        score_topic([clean_batch(0, [100.0, 200.0])], predictor, sink, {"1": 0}, lambda more: None)
        assert sink.next == {"1": 3}
    rows = codec.decode([value for _, _, value, _ in published], schema).rows.to_pylist()
    assert [(row["event_id"], row["version"], row["epoch"], row["input_offset"]) for row in rows[:2]] == [
        ("e0", 3, 7, 0), ("e1", 3, 7, 1),
    ]  # fmt: skip
    assert rows[0]["prediction_id"] == rows[2]["prediction_id"]
    assert [(topic, key, partition) for topic, key, _, partition in published[:2]] == [
        ("mine", b"N0", 1),
        ("mine", b"N1", 1),
    ]


def test_classes_have_columns_of_their_own_in_a_file_and_one_map_on_a_topic() -> None:
    class Three:
        manifest = Manifest(
            model="m", version=1, task="multiclass", output="p", classes=("a", "b", "c"),
            features=(FeatureColumn("distance", "number"),),
        )  # fmt: skip

        def score(self, inputs: Any) -> Any:
            return np.array([[0.2, 0.5, 0.3], [np.nan, 0.5, 0.5]])

    rows = pa.record_batch({"distance": [1.0, 2.0]})
    columns = score(rows, Version(1, 0, Three()))  # type: ignore[arg-type]
    assert {name: column.to_pylist() for name, column in columns.items()} == {
        "label": ["b", None], "p_a": [0.2, None], "p_b": [0.5, 0.5], "p_c": [0.3, 0.5],
    }  # fmt: skip
    whole = record_outputs({name: column.slice(0, 1) for name, column in columns.items()}, ("a", "b", "c"))
    assert whole["probabilities"].to_pylist() == [[("a", 0.2), ("b", 0.5), ("c", 0.3)]]
    assert toy_probability(1, 0.0) == pytest.approx(0.5)
