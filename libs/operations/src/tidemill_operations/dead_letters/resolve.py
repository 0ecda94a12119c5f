"""Dead letters replayed or discarded: each at most once, and each that is wanted in the end.

A replayed record and the resolution of its dead letter are written in one transaction, so there is never one without
the other. The transactional id belongs to the dead-letter topic: whoever opens it ends what was begun under it before,
and only then reads which letters are resolved. A replay that was killed is finished by calling it again; a second one
beside it fences the first.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from tidemill.errors import RetryLater
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import producer_config
from tidemill.kafka.dead_letters import ERROR_HEADERS, resolution_headers
from tidemill.kafka.headers import Headers
from tidemill.kafka.runtime.transaction import Aborted, InDoubt, TransactionSession
from tidemill_operations.dead_letters.letters import Letter, Wanted, open_letters, survey

if TYPE_CHECKING:
    from tidemill.settings import KafkaSettings

REPLAYED = "replayed"
DISCARDED = "discarded"
MOST_BYTES = 8_000_000  # of one transaction: memory, and the time that it holds readers up
TRIES = 5

_log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]
"""How many are done, and of how many."""


class Resolver:
    """Writes to one dead-letter topic, and to the topic that its records came from."""

    def __init__(
        self, settings: KafkaSettings, topic: str, transactional_id: str, *, back_to: str | None, most: int = 1_000
    ) -> None:
        """`back_to`: the topic to which records go back; None: they are discarded. `most`: records a transaction."""
        self._settings = settings
        self._topic = topic
        self._back_to = back_to
        self._most = most
        self._session = TransactionSession(producer_config(settings, transactional_id))
        self._unsure: list[Letter] = []

    def run(self, wanted: Wanted, progress: Progress = lambda done, total: None) -> Counter[str]:
        """Resolve every open letter that is wanted; returns how many, by reason: exact, whatever ended in doubt.

        Raises Fenced where another command works on the topic, RetryLater where brokers stay away.
        """
        resolved: Counter[str] = Counter()
        tries = 0
        try:
            while True:
                before = resolved.total()
                try:
                    self._session.open()
                    self._pass(wanted, resolved, progress)
                    return resolved
                except (Aborted, InDoubt, RetryLater) as error:
                    tries = tries + 1 if resolved.total() == before else 1
                    if tries >= TRIES:
                        raise RetryLater(f"gave up after {TRIES} tries: {error}") from error
                    _log.warning("begins again behind what is resolved: %s", error)
        finally:
            self._session.close()

    def _pass(self, wanted: Wanted, resolved: Counter[str], progress: Progress) -> None:
        """From a look at what is resolved to the end. What became of a transaction in doubt is seen by the next look:
        the session was opened anew before, and so has settled it.
        """
        found = survey(self._settings, self._topic, lambda letter: letter.origin is not None and wanted(letter))
        resolved.update(letter.reason for letter in self._unsure if not found.is_open(letter))
        self._unsure = []
        already = resolved.total()
        progress(already, already + found.count)
        with closing(open_letters(self._settings, self._topic, found)) as left:  # its consumer, whatever ends this
            for letters in _portions(left, self._most):
                self._unsure = letters
                self._session.commit(self._outputs(letters), [])
                self._unsure = []
                resolved.update(letter.reason for letter in letters)
                progress(resolved.total(), already + found.count)

    def _outputs(self, letters: list[Letter]) -> Iterable[Output]:
        partitions, keys = [letter.partition for letter in letters], [letter.key for letter in letters]
        if self._back_to is not None:
            values, headers = [letter.value for letter in letters], [original_headers(letter) for letter in letters]
            yield Output(self._back_to, values, keys, [_home(letter) for letter in letters], headers)
        done = DISCARDED if self._back_to is None else REPLAYED
        resolutions: list[Headers | None] = [
            resolution_headers(letter.topic, letter.partition, letter.offset, done) for letter in letters
        ]
        yield Output(self._topic, [None] * len(letters), keys, partitions, resolutions)


def original_headers(letter: Letter) -> Headers | None:
    """A record's headers as they came: without the last of each error header, which the validator has added."""
    left = set(ERROR_HEADERS)
    kept: Headers = []
    for name, value in reversed(letter.headers):
        if name in left:
            left.discard(name)
        else:
            kept.append((name, value))
    return kept[::-1] or None


def _home(letter: Letter) -> int:
    assert letter.origin is not None
    return letter.origin[1]


def _portions(letters: Iterator[Letter], most: int) -> Iterator[list[Letter]]:
    portion: list[Letter] = []
    size = 0
    for letter in letters:
        portion.append(letter)
        size += len(letter.value or b"")
        if len(portion) >= most or size >= MOST_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
