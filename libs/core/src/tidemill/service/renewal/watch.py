"""Follows the model files of a running process and has what is right taken up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from tidemill.errors import ConfigError, RetryLater
from tidemill.service.contract import Contract
from tidemill.service.health import Health
from tidemill.service.renewal.change import Change, changed_contract
from tidemill.service.renewal.files import Looks, digest_of
from tidemill.service.renewal.standing import Standing

__all__ = ["ContractWatch"]

_log = logging.getLogger(__name__)

TakeUp = Callable[[Change], None]
"""Takes a change up and returns when it is at work. Raises ConfigError, with nothing changed, where it cannot be;
RetryLater where something is away: it is asked again.
"""
ASK_EVERY_S = 0.25
_END_S = 5.0


class ContractWatch:
    """One thread that looks every `contract_every_s` seconds. `contract`: what is at work by now.

    A change is taken up when two looks have found the same files, and the code that reads them at a start finds them
    right. Else, and where `take_up` refuses, everything stays as it is: one line in the log, and `standing` tells it.
    """

    def __init__(
        self,
        contract: Contract,
        take_up: TakeUp,
        health: Health | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`tell` is given each line that a person who looks on should see."""
        self._tell = tell
        settings = contract.settings
        self.contract = contract
        self._folders = (settings.models_dir, settings.schemas)
        self._take_up, self._every_s = take_up, settings.contract_every_s
        self._looks = Looks(*self._folders, contract.digest)
        self._refused, self._said = "", ""
        self._asked_s, self._asked = float("-inf"), ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.run, args=(self._stop,), name="contract", daemon=True)
        self.standing = Standing(contract.digest, list(contract.models), contract.mistakes)
        contract.schemas.coming = self.coming
        if health is not None:
            health.add_fact("contract", self.standing.facts)

    def start(self) -> ContractWatch:
        """Begin to look; returns itself."""
        self._thread.start()
        return self

    def run(self, stop: threading.Event) -> None:
        """Look in this thread until `stop` is set."""
        while not stop.wait(self._every_s):
            self.look()

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_END_S)

    def __enter__(self) -> ContractWatch:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def coming(self) -> bool:
        """Whether files lie there that differ from what is at work and are not refused: what is not known now may be
        known in a moment. From any thread; reads the files at most four times a second.
        """
        now = time.monotonic()
        if now - self._asked_s >= ASK_EVERY_S:
            self._asked, self._asked_s = digest_of(*self._folders), now
        return self._asked not in (self.contract.digest, self._refused)

    def look(self) -> None:
        """One look; takes up what has changed, or says why not."""
        digest = self._looks.look()
        if digest is None:
            return
        if digest == self.contract.digest:
            self._refused = ""
            self.standing.refused(self.contract.mistakes)
            _log.info("the model files are again what is at work")
            self._tell("the model files are again what is at work")
            return
        try:
            change = changed_contract(self.contract)
            if change.contract.digest != digest:  # it has changed meanwhile: the next looks find it
                return
            self.contract.schemas.share_writers(change.contract.schemas)
            change.contract.schemas.coming = self.coming
            self._take_up(change)
        except RetryLater as error:
            self._looks.again()
            self.standing.waits(str(error))
            if self._said != str(error):
                self._said = str(error)
                _log.warning("a changed contract waits: %s", error)
                self._tell(f"changed model files wait: {error}")
        except ConfigError as error:
            self._refuse(digest, str(error))
        except Exception as error:  # noqa: BLE001 - a defect, met in a change: what is at work goes on
            _log.exception("a changed contract has met a defect of Tidemill")
            self._refuse(digest, f"a defect of Tidemill, the log has more: {type(error).__name__}: {error}")
        else:
            self._done(change)

    def _done(self, change: Change) -> None:
        self.contract, self._refused, self._said = change.contract, "", ""
        self.standing.at_work(change.contract.digest, list(change.contract.models), change.contract.mistakes)
        for mistake in change.contract.mistakes:
            _log.error("a model is refused, the others are served: %s", mistake)
        if change.models:
            self._tell(f"model files taken up: {change}")
        _log.info("contract taken up: %s", change, extra={"hash": change.contract.digest})

    def _refuse(self, digest: str, text: str) -> None:
        self._refused, self._said = digest, ""
        self.standing.refused(text.splitlines())
        _log.error("changed model files are not taken up, what is at work goes on: %s", text)
        self._tell(f"changed model files are not taken up, what is at work goes on: {text}")
