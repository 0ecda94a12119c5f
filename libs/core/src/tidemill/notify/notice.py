"""What people are told, whichever channel brings it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

__all__ = ["KINDS", "SEVERAL", "Digest", "Kind", "Notice", "limited", "one_line"]

Kind = Literal[
    "retrain_finished", "retrain_failed", "release_moved", "rolled_back", "drift", "approval_wanted", "test"
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = tuple(kind for kind in get_args(Kind) if kind != "test")
"""Of what the loop does; a test is what a person sends."""
SEVERAL = "several models"
"""In place of a model's name in a digest about more than one."""
FORMAT = 1
TITLE, TEXT = 200, 4_000
"""At most so many characters: Slack and GitHub refuse much longer ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What one message stands for in place of many: `count` notices, `models` (notices by model), made between `first`
    and `last` (ms since 1970).
    """

    count: int
    models: Mapping[str, int] = field(hash=False)
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message. `notice_id`: the same at every attempt, by which who receives it knows a repeat; `at`: ms since
    1970; `figures`: numbers by name; `links`: addresses by what they show.
    """

    notice_id: str
    kind: Kind
    model: str
    title: str
    text: str
    at: int
    figures: Mapping[str, float] = field(default_factory=dict, hash=False)
    links: Mapping[str, str] = field(default_factory=dict, hash=False)
    digest: Digest | None = None

    def to_dict(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Notice:
        """What `to_dict` gave."""
        digest = kept.get("digest")
        return cls(**{**kept, "digest": Digest(**digest) if digest else None})

    def message(self) -> dict[str, Any]:
        """The body that a webhook gets: version 1, to which fields may be added."""
        told = replace(self, title=limited(one_line(self.title), TITLE), text=limited(self.text, TEXT)).to_dict()
        told["id"] = told.pop("notice_id")
        told["at"] = moment(self.at)
        if self.digest is not None:
            told["digest"] |= {"first": moment(self.digest.first), "last": moment(self.digest.last)}
        return {"version": FORMAT, **told}

    def lines(self) -> str:
        """The text, and the figures in a line below it."""
        figures = ", ".join(f"{name} {value:.6g}" for name, value in self.figures.items())
        return "\n".join(filter(None, (limited(self.text, TEXT), figures)))

    def plain(self) -> str:
        """The same with the links below it."""
        return "\n".join([self.lines(), *(f"{name}: {address}" for name, address in self.links.items())])


def moment(ms: int) -> str:
    """ISO 8601, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def one_line(text: str) -> str:
    """Without ends of lines or other control characters, which would begin another header of a mail."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def limited(text: str, most: int) -> str:
    """At most so many characters, with a sign where some are missing."""
    return text if len(text) <= most else f"{text[: most - 2]} …"
