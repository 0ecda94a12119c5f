"""`tidemill up` and `tidemill kafka`: run the platform, or its broker alone, until Ctrl-C."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click
from rich.markup import escape

if TYPE_CHECKING:
    from rich.console import Console

    from tidemill_cli.rendering.progress import Spinner
    from tidemill_embedded.platform import Platform

POLL_S = 0.2
NOT_OVERRIDDEN = ("TIDEMILL_KAFKA_BOOTSTRAP", "TIDEMILL_PREFIX", "TIDEMILL_MODELS", "TIDEMILL_PORT")
"""What `up` is told by options of its own, or gives each service itself."""


@click.command()
@click.option("--kafka", metavar="HOST:PORT", help="Use this Kafka instead of the embedded one.")
@click.option(
    "--prefix",
    default="",
    envvar="TIDEMILL_PREFIX",
    show_envvar=True,
    help="Put before every topic, group and transactional id; for a shared Kafka.",
)
@click.option(
    "--models",
    metavar="NAME,...",
    default="",
    envvar="TIDEMILL_MODELS",
    show_envvar=True,
    help="Models to run; all that there are by default.",
)
@click.option(
    "--var",
    "var",
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="Data folder.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Folder with schemas/ and models/; else TIDEMILL_SCHEMAS and TIDEMILL_MODELS_DIR, or those of this folder.",
)
@click.option("--fresh", is_flag=True, help="Forget everything in the data folder first.")
@click.option(
    "--mlflow/--no-mlflow", default=None, help="Run MLflow's own pages too; they are where MLflow is installed."
)
def up(
    kafka: str | None, prefix: str, models: str, var: Path, root: Path | None, fresh: bool, mlflow: bool | None
) -> None:
    """Run the platform until Ctrl-C; prints its addresses.

    Everything is kept in the data folder and found again at the next start. Then, in another terminal:

    \b
      tidemill push events.csv --model flight-delay
      tidemill status

    Each part is waited for while it shows signs of life (log, CPU time, answers): TIDEMILL_START_SILENCE_S says how
    many seconds without one are too many (60), TIDEMILL_START_MOST_S how long a part may take at most (900).

    With TIDEMILL_TLS_CERTIFICATE and TIDEMILL_TLS_KEY every service speaks TLS, and the addresses are https://.

    What `tidemill check` says is said first. Settings stand in tidemill.yaml, `kafka_bootstrap` (in place of the
    embedded Kafka) among them.
    """
    from tidemill.config_file import apply_config
    from tidemill_cli.rendering.progress import spinner
    from tidemill_cli.rendering.terminal import console as make_console
    from tidemill_embedded.errors import StartInterrupted
    from tidemill_embedded.platform import Platform, PlatformOptions, remove_data

    pages = mlflow_pages(mlflow)
    console = make_console()
    stated = {name: os.environ[name] for name in apply_config()}
    folders = model_folders(root, os.environ)
    told = f"models are read from {folders['TIDEMILL_MODELS_DIR']}, schemas from {folders['TIDEMILL_SCHEMAS']}"
    console.print(told, highlight=False, markup=False, soft_wrap=True)
    _check_first(console, folders, models)
    if fresh and var.exists():
        remove_data(var)
    with asked_to_stop() as stop, spinner("starting") as waiting:

        def tell(text: str) -> None:
            with waiting.aside():
                console.print(text, highlight=False, soft_wrap=True)

        platform = Platform(
            root or Path(),
            var,
            PlatformOptions(
                models=[name.strip() for name in models.split(",") if name.strip()],
                kafka=kafka or stated.get("TIDEMILL_KAFKA_BOOTSTRAP"),
                prefix=prefix,
                mlflow_server=pages,
                env_overrides={name: stated[name] for name in stated if name not in NOT_OVERRIDDEN} | folders,
                on_news=lambda news: tell(f"[yellow]{news}[/]"),
                on_models=lambda text: tell(escape(text)),
            ),
        )
        with platform:
            try:
                platform.start(progress=tell, stop=stop)
            except StartInterrupted as interrupted:
                raise click.Abort from interrupted
            waiting.hide()
            _show(console, platform)
            _stay(platform, waiting, stop)
            console.print("stopping ...")
    for name in platform.overdue:
        console.print(f"{name} did not end in time and was killed", highlight=False)
    console.print("stopped")


def mlflow_pages(wanted: bool | None) -> bool:
    """Whether MLflow's pages are run: as told, else where it is installed. The trainer's own client is not enough for
    them. Raises UsageError where they are asked for and not there.
    """
    there = any(True for _ in importlib.metadata.distributions(name="mlflow"))
    if wanted and not there:
        raise click.UsageError("MLflow's pages are not installed here: pip install 'tidemill[mlflow]'")
    return there if wanted is None else wanted


def _stay(platform: Platform, waiting: Spinner, stop: threading.Event) -> None:
    """Until somebody stops it, or it ends."""
    from tidemill_cli.commands.platform.first_versions import FirstVersions

    first = FirstVersions(platform.facts(), waiting)
    try:
        while not stop.is_set() and not platform.wait(POLL_S):
            first.turn()
    finally:
        first.close()
        waiting.hide()


@click.command()
@click.option("--port", type=int, default=9092, show_default=True, help="Preferred port.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("var/kafka"),
    show_default=True,
    help="Data folder.",
)
def kafka(port: int, data: Path) -> None:
    """Run the embedded Apache Kafka alone until Ctrl-C; prints its address."""
    from tidemill_embedded.broker.broker import Broker
    from tidemill_embedded.errors import PlatformError

    with asked_to_stop() as stop:
        broker = Broker(data, port)
        broker.start(progress=click.echo)
        try:
            click.echo(
                f"Apache Kafka {broker.version}: bootstrap {broker.bootstrap}, data and log in {data}. Ctrl-C stops it."
            )
            while not stop.wait(POLL_S):
                if not broker.running():
                    raise PlatformError(f"Kafka ended by itself. Its log is {broker.log}")
        finally:
            broker.stop()


def model_folders(root: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Where models and schemas are read, by setting, as absolute paths: below `root` where it is given, else where the
    settings say, else below this folder.
    """
    names = {"TIDEMILL_MODELS_DIR": "models", "TIDEMILL_SCHEMAS": "schemas"}
    if root is not None:
        return {setting: str((root / name).resolve()) for setting, name in names.items()}
    return {setting: str(Path(environment.get(setting, name)).resolve()) for setting, name in names.items()}


@contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, in place of an exception in the middle of anything."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_first(console: Console, folders: Mapping[str, str], models: str) -> None:
    """Says all that is wrong before anything starts; models that are right run all the same. Raises ClickException
    where none is.
    """
    from tidemill_operations.project.check import check_models

    wanted = {name.strip() for name in models.split(",") if name.strip()}
    found = check_models(Path(folders["TIDEMILL_MODELS_DIR"]), Path(folders["TIDEMILL_SCHEMAS"]))
    for problem in found.problems:
        console.print(f"[yellow]{escape(str(problem))}[/]", highlight=False, soft_wrap=True)
    if not found.models or wanted - set(found.models):
        missing = ", ".join(sorted(wanted - set(found.models)))
        raise click.ClickException(
            f"{f'no usable model file for {missing}' if missing else 'no model is right'}: see `tidemill check`"
        )


def _show(console: Console, platform: Platform) -> None:
    from rich.table import Table

    from tidemill_embedded.services import SERVICES

    serves = {service.name: service.serves for service in SERVICES} | {"mlflow": "runs, parameters, metrics"}
    table = Table(title="Tidemill is up", title_justify="left", box=None, pad_edge=False)
    for heading in ("part", "address", "what is there"):
        table.add_column(heading)
    table.add_row("Kafka", platform.bootstrap, platform.broker_name)
    for name, url in platform.addresses.items():
        table.add_row(name, url, serves[name])
    console.print(table)
    console.print("Metrics of each service are at /metrics, health at /health/live and /health/ready.", highlight=False)
    console.print(f"Logs are in {platform.var / 'logs'}. Ctrl-C stops everything.", highlight=False)
