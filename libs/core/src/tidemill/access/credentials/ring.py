"""The keys as a service holds them: in memory, read anew every few seconds by a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from tidemill.access.credentials.callers import Caller
from tidemill.access.credentials.keys import KeyRecord, parsed, proves
from tidemill.access.metrics import KEYS_UNREAD

MOST_PROVEN = 1_024
"""Keys that were proven since the last reading are not hashed again before the next; none is kept for longer."""

_log = logging.getLogger(__name__)


class KeyRing:
    """Proves keys without asking the database. A change there holds here after `every_s` at the latest.

    While the database is away, the keys last read go on: predictions do not stop with it.
    """

    def __init__(
        self, load: Callable[[], Sequence[KeyRecord]], now_ms: Callable[[], int], every_s: float = 5.0
    ) -> None:
        """`load` reads all keys; whatever it raises is an outage."""
        self._load = load
        self._now_ms = now_ms
        self._every_s = every_s
        self._keys: dict[str, tuple[KeyRecord, Caller]] | None = None
        self._proven: dict[str, tuple[KeyRecord, Caller]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)

    def start(self) -> None:
        """Read the keys once and go on reading them."""
        self.refresh()
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=self._every_s + 1)

    def __enter__(self) -> KeyRing:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(self) -> str | None:
        """A readiness check: the keys have been read."""
        return None if self._keys is not None else "the keys cannot be read from the database"

    def refresh(self) -> bool:
        """Read the keys now; False where that fails, which the log says."""
        try:
            found = self._load()
        except Exception as error:  # noqa: BLE001 - of whatever kind: the keys last read go on
            KEYS_UNREAD.inc()
            _log.warning("the keys cannot be read, those last read go on: %s", error)
            return False
        self._keys = {record.key_id: (record, record.caller()) for record in found}
        self._proven = {}
        return True

    def caller(self, text: str) -> Caller | None:
        """Who asks with this key; None where it proves nobody. Raises LookupError before the first reading."""
        if self._keys is None:
            raise LookupError("the keys have not been read yet")
        proven = self._proven
        held = proven.get(text)
        if held is not None and held[0].usable(self._now_ms()):
            return held[1]
        form = parsed(text)
        if form is None:
            return None
        record, caller = self._keys.get(form[0], (None, None))
        if not proves(form[1], record, self._now_ms()) or record is None or caller is None:
            return None
        if record.previous_digest is None and len(proven) < MOST_PROVEN:
            proven[text] = record, caller
        return caller

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self.refresh()
