"""`tidemill dlq`: what was set aside, why, and how it comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options
from tidemill_operations.acts import note_act

if TYPE_CHECKING:
    from collections import Counter

    from tidemill_operations.dead_letters.letters import Letter
    from tidemill_operations.dead_letters.selection import Selection
    from tidemill_operations.platform import PlatformView

F = TypeVar("F", bound=Callable[..., Any])
ROLES = {"raw_dlq": "raw", "labels_raw_dlq": "labels_raw"}


@click.group()
def dlq() -> None:
    """Dead letters: records that could not be read or did not meet a critical expectation, byte for byte as
    they came. Once the rule or the schema is mended, they come back, each exactly once.

    \b
    tidemill dlq list --model flight-delay
    tidemill dlq show flight-delay-raw-dlq/2/117
    tidemill dlq replay --model flight-delay --reason in_set --dry-run
    tidemill dlq replay --model flight-delay --reason in_set
    tidemill dlq discard --model flight-delay --reason Malformed --until 7d
    """


def selecting(command: F) -> F:
    """Adds the filters; the command gets the platform and, as `selection`, what they say."""

    @click.option("--reason", metavar="TEXT", help="Only those whose reason contains TEXT.")
    @click.option("--since", metavar="T", help="Only those set aside at T or later: 2026-11-21T08:00Z, or 6h ago: 6h.")
    @click.option("--until", metavar="T", help="Only those set aside before T.")
    @click.option("--key", metavar="TEXT", help="Only those of records with this key.")
    @platform_options
    @wraps(command)
    def found(platform: PlatformView, *args: Any, **kwargs: Any) -> Any:
        from tidemill_operations.dead_letters.selection import Selection

        since, until = (_moment(kwargs.pop(name), f"--{name}") for name in ("since", "until"))
        selection = Selection(kwargs.pop("reason"), since, until, kwargs.pop("key"))
        return command(platform, *args, selection=selection, **kwargs)

    return found  # type: ignore[return-value]


def _moment(text: str | None, option: str) -> int | None:
    from tidemill_operations.dead_letters.selection import moment_ms

    try:
        return None if text is None else moment_ms(text, time.time_ns() // 1_000_000)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is neither a time such as 2026-11-21T08:00Z nor a duration such as 6h",
                                 param_hint=option) from error  # fmt: skip


@dlq.command("list")
@click.option("--model", metavar="NAME", help="Only this model's; all by default.")
@click.option("--all", "everything", is_flag=True, help="Those that were replayed or discarded, too.")
@click.option("--rows", type=click.IntRange(min=0), default=10, show_default=True, help="So many of the newest.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@selecting
def list_letters(
    platform: PlatformView, model: str | None, everything: bool, rows: int, as_json: bool, selection: Selection
) -> None:
    """Count dead letters by reason, and show the newest. Those that were replayed or discarded are left out."""
    from collections import Counter

    from tidemill_operations.reach import ensure_reachable

    ensure_reachable(platform.settings)
    counts: Counter[tuple[str, str]] = Counter()
    newest: list[Letter] = []
    resolved = 0
    for name in [platform.model(model).name] if model else sorted(platform.models):
        for role in ROLES:
            reasons, last, gone = _look(platform, platform.topics.name(role, name), selection, everything, rows)
            counts.update({(name, reason): count for reason, count in reasons.items()})
            newest, resolved = [*newest, *last], resolved + gone
    newest = sorted(newest, key=lambda letter: letter.at_ms, reverse=True)[:rows]
    if as_json:
        from tidemill_cli.rendering.dead_letters_json import listed

        click.echo(json.dumps(listed(counts, newest, resolved), indent=2))
    else:
        _print(counts, newest, resolved)


def _look(
    platform: PlatformView, topic: str, selection: Selection, everything: bool, rows: int
) -> tuple[Counter[str], list[Letter], int]:
    """Counts by reason, the newest letters, and how many are left out because they are resolved."""
    from collections import Counter, deque

    from tidemill_operations.dead_letters.letters import all_letters, open_letters, survey

    newest: deque[Letter] = deque(maxlen=rows)
    reasons: Counter[str] = Counter()
    if everything:
        letters, gone = all_letters(platform.settings, topic, selection), 0
    else:
        found = survey(platform.settings, topic, selection)
        letters, gone = open_letters(platform.settings, topic, found), found.resolved
    for letter in letters:
        reasons[letter.reason] += 1
        newest.append(letter)
    return reasons, list(newest), gone


def _print(counts: Counter[tuple[str, str]], newest: list[Letter], resolved: int) -> None:
    from rich.table import Table

    from tidemill_cli.rendering.terminal import console as uncut

    console = uncut()
    table = Table("model", "reason", box=None, pad_edge=False)
    table.add_column("count", justify="right")
    for (name, kind), count in counts.most_common():
        table.add_row(name, kind, f"{count:,}")
    if counts:
        console.print(table, markup=False)
    for letter in newest:
        moment = datetime.fromtimestamp(letter.at_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
        console.print(f"{moment}  {letter.place}  {letter.message}", highlight=False, markup=False)
    if not counts:
        console.print("no dead letters")
    if resolved:
        console.print(f"{resolved:,} more were replayed or discarded (--all shows them)")


@dlq.command("show")
@click.argument("place", metavar="TOPIC/PARTITION/OFFSET")
@click.option("--json", "as_json", is_flag=True, help="As JSON; bytes in base64.")
@platform_options
def show(platform: PlatformView, place: str, as_json: bool) -> None:
    """Show one dead letter: why it is there, where it came from, what became of it, its bytes, what a decoder makes
    of them.
    """
    from tidemill_cli.rendering.dead_letters import as_dict, lines_of

    if as_json:
        click.echo(json.dumps(as_dict(platform, place), indent=2, default=str))
        return
    for line in lines_of(platform, place):
        click.echo(line)


@dlq.command("replay")
@click.argument("places", nargs=-1, metavar="[TOPIC/PARTITION/OFFSET]...")
@click.option("--model", metavar="NAME", help="Whose dead letters.")
@click.option("--labels", is_flag=True, help="Those of its labels, not of its events.")
@click.option("--to-external", is_flag=True, help="Write to the model's source, though the topic is someone else's.")
@click.option("--dry-run", is_flag=True, help="Say what would be replayed, and write nothing.")
@click.option(
    "--batch", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="Records a transaction."
)
@json_option
@selecting
def replay(
    platform: PlatformView, places: tuple[str, ...], model: str | None, labels: bool, to_external: bool, dry_run: bool,
    batch: int, selection: Selection, said: Output,
) -> None:  # fmt: skip
    """Put dead letters back where they came from, to be judged anew: bytes, key, headers and partition as they were.

    Each comes back once, however often this is called or killed: what is replayed is marked in the same transaction.
    Call it again after an interruption. Deleted rows and tombstones of a database are no events and are left out unless
    --reason names them.
    """
    name, role = _whose(platform, model, labels, places)
    home = platform.topics.name(ROLES[role], name)
    if platform.topics.is_external(ROLES[role], name) and not to_external and not dry_run:
        raise click.UsageError(
            f"{home} is the source of {name} and not the platform's: other readers of it would see the records again. "
            "Say --to-external to write there all the same"
        )
    narrowed = _narrowed(selection, places, events_only=True)
    said.tell(_resolve(platform, name, role, narrowed, home, dry_run, batch, said))


def _whose(platform: PlatformView, model: str | None, labels: bool, places: tuple[str, ...]) -> tuple[str, str]:
    """Model and role of the dead letters that are meant; places name both themselves."""
    from tidemill.kafka.headers import parse_origin

    if not places:
        return platform.model(model).name, "labels_raw_dlq" if labels else "raw_dlq"
    known = platform.topics.all_topics(platform.models)
    found = set()
    for place in places:
        try:
            topic, *_ = parse_origin(place.encode())
        except ValueError as error:
            raise click.BadParameter(f"{place!r} is not TOPIC/PARTITION/OFFSET") from error
        role, of = known.get(topic, ("", None))
        if of is None or role not in ROLES or (model is not None and of != model):
            owner = f"of {model}" if model else "of a model that is known here"
            raise click.BadParameter(f"{topic} is not a dead-letter topic {owner}")
        found.add((of, role))
    if len(found) > 1:
        raise click.UsageError("these dead letters are on several topics: name those of one topic at a time")
    return found.pop()


@dlq.command("discard")
@click.argument("places", nargs=-1, metavar="[TOPIC/PARTITION/OFFSET]...")
@click.option("--model", metavar="NAME", help="Whose dead letters.")
@click.option("--labels", is_flag=True, help="Those of its labels, not of its events.")
@click.option("--dry-run", is_flag=True, help="Say what would be discarded, and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@selecting
def discard(
    platform: PlatformView, places: tuple[str, ...], model: str | None, labels: bool, dry_run: bool, yes: bool,
    selection: Selection, said: Output,
) -> None:  # fmt: skip
    """Mark dead letters as done with, so that they are neither listed nor replayed. Their bytes stay until the topic's
    retention takes them.
    """
    name, role = _whose(platform, model, labels, places)
    selection = _narrowed(selection, places, events_only=False)
    if not dry_run and not yes:
        _resolve(platform, name, role, selection, None, True, 1_000, said)
        click.confirm("go on?", abort=True, err=True)
    said.tell(_resolve(platform, name, role, selection, None, dry_run, 1_000, said))


def _narrowed(selection: Selection, places: tuple[str, ...], events_only: bool) -> Selection:
    from dataclasses import replace

    return replace(selection, places=frozenset(places), events_only=events_only and not places)


def _resolve(
    platform: PlatformView, model: str, role: str, selection: Selection, home: str | None, dry_run: bool, batch: int,
    said: Output,
) -> dict[str, Any]:  # fmt: skip
    """Marks letters, or counts them in a dry run; says what it did, and gives it for programs."""
    from tidemill.errors import Fenced
    from tidemill_cli.rendering.dead_letters_json import resolved
    from tidemill_cli.rendering.progress import progress_bar
    from tidemill_operations.dead_letters.letters import survey
    from tidemill_operations.dead_letters.resolve import Resolver
    from tidemill_operations.reach import ensure_reachable

    ensure_reachable(platform.settings)
    topic = platform.topics.name(role, model)
    if dry_run:
        found = survey(platform.settings, topic, lambda letter: letter.origin is not None and selection(letter))
        _summary("would be discarded" if home is None else f"would go back to {home}", found.reasons, selection, said)
        return resolved(topic, home, dry_run, found.reasons, selection)
    note_act(platform, "dlq.discard" if home is None else "dlq.replay", topic)
    resolver = Resolver(
        platform.settings, topic, platform.topics.transactional_id(f"dlq-{model}-{role}"), back_to=home, most=batch
    )
    try:
        with progress_bar(topic) as progress:
            done = resolver.run(selection, progress)
    except Fenced as error:
        raise _taken_over(topic) from error
    _summary("discarded" if home is None else f"back in {home}", done, selection, said)
    return resolved(topic, home, dry_run, done, selection)


def _taken_over(topic: str) -> click.ClickException:
    error = click.ClickException(
        f"a later replay or discard has taken over {topic}: this one stops, and nothing is lost"
    )
    error.exit_code = 3
    return error


def _summary(what: str, reasons: Counter[str], selection: Selection, said: Output) -> None:
    said.say(f"{reasons.total():,} {what}")
    for reason, count in reasons.most_common():
        said.say(f"  {count:>9,}  {reason}")
    if reasons.total() < len(selection.places):
        left = len(selection.places) - reasons.total()
        said.say(f"{left:,} of those named are resolved already, or are no dead letters")
