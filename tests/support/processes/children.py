"""Programs beside the test: started with a log each, ended by their ids, the last one first."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_S = 20.0
TIED = ("setpriv", "--pdeathsig", "KILL")
"""Before a command: the kernel ends it with the thread that started it, however that ends."""


class Children:
    """What was started here. `logs`: the folder of NAME.log."""

    def __init__(self, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Raises OSError where there is no such program."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [*TIED, *command], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def check(self) -> None:
        """Raises RuntimeError with the end of its log where one has ended by itself."""
        for name, child in self._running.items():
            if child.poll() is not None:
                raise RuntimeError(f"{name} ended with {child.returncode}: {self.tail(name)}")

    def tail(self, name: str) -> str:
        """The last lines that it wrote."""
        return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-30:])

    def end(self, name: str) -> None:
        """Asks it to end, and kills it if it does not."""
        child = self._running.pop(name)
        child.terminate()
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def stop(self) -> None:
        """As `end`, all."""
        for name in reversed(list(self._running)):
            self.end(name)
