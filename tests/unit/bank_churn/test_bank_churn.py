"""The bank's customers: the same for a seed, like a real table's, with drift where it is asked for and late labels."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner

from tidemill_bank_churn.command import main
from tidemill_bank_churn.leaving import DRIFTS, Drift, share_of_second
from tidemill_bank_churn.stream import bank_churn
from tidemill_cli.app import cli

ROOT = Path(__file__).parents[3]
ROWS = 20_000


def left(rows: pa.Table, where: pa.ChunkedArray | pa.Array | None = None) -> float:
    """The share of those who left, of all or of some."""
    chosen = rows if where is None else rows.filter(where)
    return float(pc.mean(chosen.column("exited").cast(pa.int8())).as_py())


@pytest.fixture(scope="module")
def stationary() -> pa.Table:
    return bank_churn(ROWS, seed=1)


def test_equal_seeds_give_equal_rows_and_others_do_not() -> None:
    assert bank_churn(500, 3, "gradual").equals(bank_churn(500, 3, "gradual"))
    assert not bank_churn(500, 3).column("balance").equals(bank_churn(500, 4).column("balance"))


def test_the_marginal_figures_are_those_of_the_real_table(stationary: pa.Table) -> None:
    def share(column: str, value: object) -> float:
        return float(pc.mean(pc.equal(stationary.column(column), value).cast(pa.int8())).as_py())

    assert left(stationary) == pytest.approx(0.204, abs=0.015)
    assert share("country", "Germany") == pytest.approx(0.251, abs=0.015)
    assert share("gender", "Female") == pytest.approx(0.454, abs=0.015)
    assert share("balance", 0.0) == pytest.approx(0.362, abs=0.015)
    assert share("products", 1) == pytest.approx(0.508, abs=0.015)
    assert share("products", 4) == pytest.approx(0.006, abs=0.003)
    assert stationary.column("tenure").null_count / ROWS == pytest.approx(0.091, abs=0.01)
    assert pc.mean(stationary.column("age")).as_py() == pytest.approx(38.9, abs=0.5)
    german = pc.equal(stationary.column("country"), "Germany")
    assert pc.min(stationary.filter(german).column("balance")).as_py() > 0


def test_who_leaves_is_who_left_the_real_bank(stationary: pa.Table) -> None:
    age = stationary.column("age")
    fifties = pc.and_(pc.greater_equal(age, 50), pc.less(age, 60))
    assert left(stationary, fifties) == pytest.approx(0.56, abs=0.05)
    assert left(stationary, pc.less(age, 30)) == pytest.approx(0.076, abs=0.03)
    assert left(stationary, pc.equal(stationary.column("country"), "Germany")) == pytest.approx(0.324, abs=0.03)
    assert left(stationary, pc.equal(stationary.column("active"), 0)) == pytest.approx(0.269, abs=0.03)
    assert left(stationary, pc.equal(stationary.column("products"), 2)) == pytest.approx(0.076, abs=0.03)


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_changes_who_leaves_and_not_how_many(drift: Drift) -> None:
    rows = bank_churn(ROWS, 2, drift)
    second = np.asarray(share_of_second(drift, ROWS)) > 0.5
    young = np.asarray(pc.less(rows.column("age"), 30))
    exited = np.asarray(rows.column("exited"))
    assert exited.mean() == pytest.approx(0.205, abs=0.02)
    assert exited[young & ~second].mean() < 0.2
    assert second.mean() == pytest.approx({"none": 0.0, "recurring": 0.4}.get(drift, 0.5), abs=0.001)
    if drift != "none":
        assert exited[young & second].mean() > 0.3


def test_a_label_is_known_about_a_delay_after_its_event() -> None:
    rows = bank_churn(2_000, 5, label_delay=timedelta(days=10))
    late = pc.subtract(rows.column("observed_at").cast(pa.int64()), rows.column("reviewed_at").cast(pa.int64()))
    days = np.asarray(late) / 86_400_000
    assert days.min() >= 8.0 and days.max() <= 12.0 and days.std() > 1.0
    assert bank_churn(10, label_delay=timedelta(0)).column("observed_at").to_pylist()[3].isoformat() == (
        "2025-01-01T00:45:00+00:00"
    )


def test_what_is_no_stream_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        bank_churn(0)
    with pytest.raises(ValueError, match="before its event"):
        bank_churn(5, label_delay=timedelta(days=-1))


@pytest.mark.parametrize("name", ["churn.csv", "churn.parquet"])
def test_the_file_is_played_by_the_backtest_as_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    done = CliRunner().invoke(main, [str(path), "--rows", "6000", "--seed", "1", "--drift", "none"])
    assert done.exit_code == 0 and "wrote 6,000 events" in done.output, done.output
    settings = {
        "TIDEMILL_SCHEMAS": str(ROOT / "schemas"), "TIDEMILL_MODELS_DIR": str(ROOT / "examples/bank_churn/models"),
    }  # fmt: skip
    arguments = ["backtest", "bank-churn", "--data", str(path), "--json", "--without", "schedules"]
    played = CliRunner().invoke(cli, [*arguments, "--without", "forest"], env=settings)
    assert played.exit_code == 0, played.output
    found = json.loads(played.stdout)
    assert (found["events"], found["labelled"], found["set_aside"]) == (6_000, 6_000, 0)
    assert found["policies"][0]["metrics"]["roc_auc"] > 0.75


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("churn.txt",), "must end in .csv or .parquet"),
        (("churn.csv", "--label-delay", "soon"), "not a duration"),
        (("churn.csv", "--rows", "0"), "--rows"),
        (("churn.csv", "--drift", "sudden"), "--drift"),
        (("no/such/folder/churn.csv",), "cannot write"),
    ],
)
def test_what_cannot_be_made_is_refused_with_what_to_say(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(main, [str(tmp_path / arguments[0]), *arguments[1:]])
    assert done.exit_code != 0 and said in done.output
