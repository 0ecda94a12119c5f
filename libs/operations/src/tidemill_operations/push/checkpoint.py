"""How far a file has been pushed: a small file beside the work, written after each acknowledged chunk."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

CHUNK = 1 << 20


def file_digest(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(CHUNK), b""):
            digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Progress:
    """Rows of the file that are settled (acknowledged by the broker or reported as errors), counted from its beginning.
    `within`: records of the chunk behind them that are settled too, if it is read again as `how` says.
    """

    rows: int = 0
    sent: int = 0
    errors: int = 0
    done: bool = False
    within: int = 0
    how: str = ""


class Checkpoint:
    """The progress of one file to one topic of one cluster; a file with one other byte is another file."""

    def __init__(self, folder: Path, digest: str, topic: str, cluster: str) -> None:
        name = hashlib.sha256(f"{digest}\n{topic}\n{cluster}".encode()).hexdigest()[:24]
        self.path = folder / f"{name}.json"

    def load(self) -> Progress:
        """What was recorded; nothing yet where there is no file. Raises ValueError where it is damaged."""
        try:
            return Progress(**json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Progress()
        except (json.JSONDecodeError, TypeError) as error:
            raise ValueError(
                f"{self.path} is damaged ({error}): delete it to push the file from its beginning"
            ) from error

    def save(self, progress: Progress) -> None:
        """Replaces what was recorded, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(asdict(progress)), encoding="utf-8")
        part.replace(self.path)

    def forget(self) -> None:
        """The next push starts from the beginning."""
        self.path.unlink(missing_ok=True)
