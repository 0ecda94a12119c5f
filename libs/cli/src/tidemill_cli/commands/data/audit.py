"""`tidemill audit`: proves on the topics that nothing is lost and nothing is there twice."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from rich.console import Console

    from tidemill_operations.audit.auditor import Groups
    from tidemill_operations.audit.proof import Proof
    from tidemill_operations.platform import PlatformView

NOT_FOUND_OUT = 2


@click.command()
@click.argument("model", required=False)
@click.option("--since", metavar="T", help="Only what was appended at T or later: 2026-11-21T08:00Z, or 6h ago: 6h.")
@click.option("--json", "as_json", is_flag=True, help="The proof as JSON on stdout.")
@click.option("--validator-set", default="all", show_default=True, help="TIDEMILL_WORKER_SET of the validators.")
@click.option("--stream-set", default="default", show_default=True, help="TIDEMILL_WORKER_SET of the stream workers.")
@platform_options
def audit(
    platform: PlatformView, model: str | None, since: str | None, as_json: bool, validator_set: str, stream_set: str
) -> None:
    """Read MODEL's topics back and prove, or disprove, that every raw record is in clean or dead letters exactly
    once, that every clean record from the first version's start on is predicted exactly once, in order, and that no
    prediction's epoch goes back.

    Labels that are about no event are counted beside it: they disprove nothing.

    Safe on a platform at work: it joins no group and writes nothing; what nobody has worked on yet is waiting.
    Memory is two bits a record. Exit code: 0 proved, 1 disproved, 2 it could not be found out.
    """
    from tidemill_cli.rendering.terminal import console
    from tidemill_operations.audit.auditor import Groups
    from tidemill_operations.since import read_since

    workers = Groups(f"validator-{validator_set}", f"inference-{stream_set}")
    name, since_ms = platform.model(model).name, read_since(since)
    with found_out(platform.settings.kafka_bootstrap):
        proof = _audited(platform, name, since_ms, workers)
    if as_json:
        click.echo(json.dumps(proof.to_dict(), indent=2))
    else:
        show(console(), proof)
    sys.exit(proof.exit_code)


@contextmanager
def found_out(bootstrap: str) -> Iterator[None]:
    """Whatever keeps an audit from its end must not look as if it had disproved something."""
    from confluent_kafka import KafkaException

    from tidemill.errors import RetryLater, TidemillError
    from tidemill.kafka.client.refusals import explain

    try:
        yield
    except TidemillError:
        raise
    except KafkaException as error:
        raise RetryLater(f"the Kafka brokers at {bootstrap} do not answer: {explain(error.args[0])}") from error
    except Exception:  # noqa: BLE001 - a defect of ours: told, with the code of what is not known
        traceback.print_exc()
        sys.exit(NOT_FOUND_OUT)


def _audited(platform: PlatformView, model: str, since_ms: int | None, workers: Groups) -> Proof:
    from tidemill_cli.rendering.progress import parts_bars
    from tidemill_operations.audit.auditor import TopicAuditor

    with parts_bars() as advance:

        def tell(role: str, done: int, total: int) -> None:
            advance(f"{role.replace('_', ' '):<16}", done, total)

        return TopicAuditor(platform, model, workers=workers, progress=tell).audit(since_ms)


def show(console: Console, proof: Proof) -> None:
    """The proof for a person."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("exactly once")
    for heading in ("records", "missing", "twice", "unknown", "disordered", "waiting"):
        table.add_column(heading, justify="right")
    for item in proof.balances:
        numbers = (item.expected, item.missing, item.duplicated, item.strangers, item.disordered, item.waiting)
        table.add_row(item.name, *(f"{number:,}" for number in numbers))
    console.print(table)
    if proof.start_offsets is None:
        console.print("no version has been released: nothing is to be predicted yet")
    console.print(
        f"predictions: {proof.stream_predictions:,} by the stream, {proof.rest_predictions:,} by REST, "
        f"{proof.unreadable_predictions:,} unreadable; epochs that go back: {proof.epochs_back:,}",
        soft_wrap=True,
    )
    for item in proof.balances:
        for kind, places in item.examples.items():
            console.print(f"{kind}: {', '.join(places)}", highlight=False, soft_wrap=True)
    for topic, count in proof.removed_unread.items():
        told = f"removed unread: {count:,} offsets of {topic}, since its readers began (docs/runbooks/removed.md)"
        console.print(told, highlight=False, soft_wrap=True)
    if proof.labels_met.orphans:
        told = f"labels that are about no event: {proof.labels_met} (docs/runbooks/labels.md)"
        console.print(told, highlight=False, soft_wrap=True)
    for topic, count in proof.made_anew.items():
        told = f"made anew: {topic}; {count:,} results of the topic before it are compared with nothing"
        console.print(f"{told} (docs/runbooks/removed.md)", highlight=False, soft_wrap=True)
    if proof.waiting:
        console.print(f"{proof.waiting:,} records wait: their workers have not passed them yet")
    console.print(f"[bold]{'proved' if proof.holds else 'DISPROVED'}[/bold] in {proof.seconds:.1f} s")
