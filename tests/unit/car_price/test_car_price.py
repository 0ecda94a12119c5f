"""The listings: the package's rows as events with late labels, and what is said where the package is not there."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from tidemill_car_price import listings as module
from tidemill_car_price.command import main
from tidemill_car_price.listings import LATER, LATER_PRICES, REFERENCE, NoDataSet, data_folder, listings
from tidemill_cli.app import cli

ROOT = Path(__file__).parents[3]
COLUMNS = "id,car_age,km_driven,price_new,accident_count,door_count,fuel,transmission"


def package(folder: Path, rows: int) -> Path:
    """A package of the data set's form, half of whose rows are of the later period; gives where its data are."""
    data = folder / "nannyml" / "datasets" / "data"
    data.mkdir(parents=True)
    (folder / "nannyml" / "__init__.py").write_text("raise SystemExit('a reader of files needs no import')\n")
    first, later, prices = [f"{COLUMNS},y_true,y_pred,timestamp"], [f"{COLUMNS},y_pred,timestamp"], ["id,y_true"]
    for k in range(rows):
        age, km, new = k % 20 + 1, 1_000 + 7_919 * k % 190_000, 16_000 + 3_571 * k % 33_000
        price = round(new * 0.85**age - km / 200 + 1_200, 1)
        at = f"2017-01-{24 + k // 2_880:02d} {k // 120 % 24:02d}:{k // 2 % 60:02d}:{k % 2 * 30:02d}.600"
        car = f"{k},{age}.0,{km}.0,{new}.0,{k % 5 + 1}.0,4.0,{('gas', 'diesel')[k % 2]},manual"
        if k < rows // 2:
            first.append(f"{car},{price},1.0,{at}")
        else:
            later.append(f"{car},1.0,{at}")
            prices.insert(1, f"{k},{price}")
    for name, lines in ((REFERENCE, first), (LATER, later), (LATER_PRICES, prices)):
        (data / name).write_text("\n".join(lines) + "\n")
    return data


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as one that is installed, and cannot be imported."""
    data = package(tmp_path / "site", 6_000)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return data


def test_the_data_are_found_where_the_package_lies_and_nothing_of_it_is_imported(installed: Path) -> None:
    assert data_folder() == installed
    assert "nannyml" not in sys.modules


def test_where_the_package_is_not_installed_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACKAGE", "nannyml_as_nobody_has_it")
    done = CliRunner().invoke(main, [str(tmp_path / "cars.csv")])
    assert done.exit_code == 1 and "pip install --no-deps nannyml==" in done.output
    assert not (tmp_path / "cars.csv").exists()


def test_a_package_of_another_form_is_told(installed: Path) -> None:
    (installed / LATER_PRICES).unlink()
    with pytest.raises(NoDataSet, match=f"has no {LATER_PRICES}"):
        data_folder()


def test_both_periods_are_one_stream_by_time_with_prices_that_come_late(installed: Path) -> None:
    cars = listings(installed)
    assert len(cars) == 6_000 and cars["listed_at"].is_sorted() and cars["event_id"].n_unique() == 6_000
    assert cars["price"].null_count() == 0
    again = pl.read_csv(installed / LATER_PRICES).sort("id")["y_true"]
    assert cars["price"].tail(3_000).to_list() == again.to_list()
    late = (cars["observed_at"] - cars["listed_at"]).dt.total_seconds() / 3_600
    assert 4.7 < late.min() < late.max() < 7.3  # type: ignore[operator]
    assert listings(installed, 500).equals(cars.head(500))
    one = listings(installed, 1, timedelta(hours=10))
    assert one["observed_at"][0] > cars["observed_at"][0]


@pytest.mark.parametrize("name", ["cars.csv", "cars.parquet"])
def test_the_file_is_played_by_the_backtest_as_it_is(installed: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    done = CliRunner().invoke(main, [str(path), "--label-delay", "1h"])
    assert done.exit_code == 0 and "wrote 6,000 listings" in done.output, done.output
    settings = {
        "TIDEMILL_SCHEMAS": str(ROOT / "schemas"), "TIDEMILL_MODELS_DIR": str(ROOT / "examples/car_price/models"),
    }  # fmt: skip
    arguments = ["backtest", "car-price", "--data", str(path), "--json", "--without", "schedules"]
    played = CliRunner().invoke(cli, [*arguments, "--without", "forest"], env=settings)
    assert played.exit_code == 0, played.output
    found = json.loads(played.stdout)
    assert (found["measure"], found["labelled"], found["set_aside"]) == ("mae", 6_000, 0)
    assert found["policies"][0]["metrics"]["r2"] > 0.8


def test_another_ending_than_that_of_a_table_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path / "cars.xlsx")])
    assert done.exit_code == 2 and "must end in .csv or .parquet" in done.output
