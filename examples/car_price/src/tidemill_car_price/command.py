"""`tidemill-car-price FILE`: write the listings to a file that `tidemill push` and `tidemill backtest` read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidemill.contracts.quantities import parse_duration

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".parquet")


class _Duration(click.ParamType):
    """A duration such as `6h`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--rows", type=click.IntRange(1), help="The first so many listings; all 120,000 if left out.")
@click.option("--label-delay", type=_Duration(), default="6h", show_default=True, help="How late prices come, about.")
def main(target: Path, rows: int | None, label_delay: timedelta) -> None:
    """Write cars, and what they were sold for, to FILE (.csv or .parquet).

    \b
    pip install --no-deps nannyml==0.13.1        the package that brings the data; nothing of it is run
    tidemill-car-price cars.csv
    TIDEMILL_MODELS_DIR=examples/car_price/models tidemill backtest car-price --data cars.csv
    """
    from tidemill_car_price.listings import NoDataSet, data_folder, listings

    if target.suffix not in SUFFIXES:
        raise click.UsageError(f"{target.name}: its name must end in {' or '.join(SUFFIXES)}")
    try:
        cars = listings(data_folder(), rows, label_delay)
        _write(cars, target)
    except NoDataSet as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot write {target}: {error.strerror or error}") from error
    click.echo(f"wrote {len(cars):,} listings to {target}")


def _write(cars: pl.DataFrame, target: Path) -> None:
    if target.suffix == ".parquet":
        cars.write_parquet(target)
    else:
        cars.write_csv(target, datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ")
