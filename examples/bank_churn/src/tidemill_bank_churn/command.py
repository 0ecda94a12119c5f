"""`tidemill-bank-churn FILE`: write the stream to a file that `tidemill push` and `tidemill backtest` read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidemill.contracts.quantities import parse_duration
from tidemill_bank_churn.leaving import DRIFTS, Drift

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".parquet")


class _Duration(click.ParamType):
    """A duration such as `7d`, or 0."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return timedelta(0) if value == "0" else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--rows", type=click.IntRange(1, 10_000_000), default=40_000, show_default=True, help="Events.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Equal seeds give equal files.")
@click.option("--drift", type=click.Choice(DRIFTS), default="abrupt", show_default=True, help="How who leaves changes.")
@click.option("--label-delay", type=_Duration(), default="7d", show_default=True, help="How late labels come, about.")
def main(target: Path, rows: int, seed: int, drift: Drift, label_delay: timedelta) -> None:
    """Write made-up customers of a bank, and who of them left, to FILE (.csv or .parquet).

    \b
    tidemill-bank-churn churn.csv --drift recurring --seed 7
    TIDEMILL_MODELS_DIR=examples/bank_churn/models tidemill backtest bank-churn --data churn.csv
    """
    from tidemill_bank_churn.stream import bank_churn

    if target.suffix not in SUFFIXES:
        raise click.UsageError(f"{target.name}: its name must end in {' or '.join(SUFFIXES)}")
    try:
        _write(bank_churn(rows, seed, drift, label_delay), target)
    except OSError as error:
        raise click.ClickException(f"cannot write {target}: {error.strerror or error}") from error
    click.echo(f"wrote {rows:,} events to {target}")


def _write(rows: pa.Table, target: Path) -> None:
    if target.suffix == ".parquet":
        from pyarrow import parquet

        parquet.write_table(rows, target)
        return
    from pyarrow import compute, csv

    for name in ("reviewed_at", "observed_at"):
        text = compute.strftime(rows.column(name), format="%Y-%m-%dT%H:%M:%SZ")
        rows = rows.set_column(rows.schema.get_field_index(name), name, text)
    csv.write_csv(rows, target)
