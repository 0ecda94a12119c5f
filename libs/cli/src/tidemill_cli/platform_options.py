"""The option and the errors that all commands share which talk to a platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import click

from tidemill_operations.errors import NotPossible, WrongUse

F = TypeVar("F", bound=Callable[..., Any])


def platform_options(command: F) -> F:
    """Adds --bootstrap; the command's function gets the platform as its first argument, `platform`. What operations
    refuse is shown as click shows its own errors.
    """
    from tidemill_operations.platform import find_platform

    @click.option("--bootstrap", metavar="HOST:PORT", help="Kafka of another platform than the one that runs here.")
    @wraps(command)
    def found(*args: Any, bootstrap: str | None, **kwargs: Any) -> Any:
        with shown_errors():
            return command(find_platform(bootstrap), *args, **kwargs)

    return found  # type: ignore[return-value]


@contextmanager
def shown_errors() -> Iterator[None]:
    """Errors of operations as errors of click: with the usage line and code 2, or with code 1."""
    try:
        yield
    except WrongUse as error:
        if error.option is not None:
            raise click.BadParameter(str(error), param_hint=error.option) from error
        raise click.UsageError(str(error)) from error
    except NotPossible as error:
        raise click.ClickException(str(error)) from error
