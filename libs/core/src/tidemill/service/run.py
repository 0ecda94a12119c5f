"""From exceptions to exit codes: the last frame of every service."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

from pydantic import ValidationError

from tidemill.config_file import apply_config
from tidemill.errors import ConfigError, FatalError, Fenced
from tidemill.secret_files import take_store_keys, without_store_keys
from tidemill.service.footprint import share_arenas
from tidemill.telemetry.metrics import build_info

__all__ = ["CLEAN", "CONFIG", "CRASH", "FENCED", "run_service"]

CLEAN = 0
CRASH = 1
CONFIG = 2
FENCED = 3

_log = logging.getLogger(__name__)


def run_service(main: Callable[[], object], package: str | None = None) -> int:
    """Run `main` and say how it ended: 0 clean, 1 crash, 2 configuration, 3 fenced by another process.

    Expected failures are said in one line on stderr and in the log; defects with their traceback. `package`: the
    distribution that this process is made of; its version is told in `tidemill_build_info`.
    """
    share_arenas()
    if package is not None:
        build_info(package)
    try:
        apply_config()
        take_store_keys(os.environ)
        main()
    except ValidationError as error:
        return _say(CONFIG, "configuration", describe(error))
    except ConfigError as error:
        return _say(CONFIG, "configuration", str(error))
    except Fenced as error:
        return _say(FENCED, "fenced", str(error))
    except FatalError as error:
        return _say(CRASH, "fatal", str(error))
    except KeyboardInterrupt:
        return _say(CRASH, "interrupted", "stopped before it had finished")
    except Exception:  # noqa: BLE001 - the last frame: told with traceback and exit code
        _log.exception("the process crashed")
        return CRASH
    return CLEAN


def describe(error: ValidationError) -> str:
    """One line per wrong setting, under the name of its environment variable."""
    return "; ".join(_line(item["loc"], item["msg"]) for item in error.errors(include_url=False))


def _line(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    if not location:  # several settings together: the message names them
        return message
    name = str(location[0])
    return f"{name if name.isupper() else f'TIDEMILL_{name.upper()}'}: {message}"


def _say(code: int, kind: str, text: str) -> int:
    _log.error("%s: %s", kind, text)
    handlers = logging.getLogger().handlers
    if handlers and not any(getattr(handler, "stream", None) is sys.stderr for handler in handlers):
        print(without_store_keys(f"{kind}: {text}"), file=sys.stderr)  # the log is elsewhere, the person is here
    return code
