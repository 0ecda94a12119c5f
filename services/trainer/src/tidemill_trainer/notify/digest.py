"""One message in place of many. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from tidemill.ids import deterministic_id
from tidemill.notify.notice import SEVERAL, Digest, Kind, Notice, moment

NAMED = 50
"""So many models are counted by name, the rest together."""
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that waits for a channel of one kind, up to the row `up_to`. `models`: notices by model; `first`, `last`:
    when they were made, in ms; `newest`: titles of some of them, the newest first.
    """

    up_to: int
    models: Mapping[str, int]
    first: int
    last: int
    newest: Sequence[str]

    @property
    def count(self) -> int:
        """How many."""
        return sum(self.models.values())


def digest_of(channel: str, kind: str, gathered: Gathered) -> Notice:
    """The message; about one model, it bears that model's name."""
    ranked = sorted(gathered.models.items(), key=lambda one: (-one[1], one[0]))
    models, rest = dict(ranked[:NAMED]), sum(count for _, count in ranked[NAMED:])
    models |= {OTHERS: rest} if rest else {}
    about = ranked[0][0] if len(ranked) == 1 else SEVERAL
    what = kind.replace("_", " ")
    counts = ", ".join(f"{model} {count}" for model, count in models.items())
    titles = "\n".join(f"- {title}" for title in gathered.newest)
    span = f"Between {moment(gathered.first)} and {moment(gathered.last)}: {counts}."
    return Notice(
        notice_id=deterministic_id("digest", channel, kind, gathered.up_to, gathered.first), kind=cast("Kind", kind),
        model=about,
        title=f"{about}: {gathered.count} notices of {what}", text=f"{span}\nThe newest:\n{titles}", at=gathered.last,
        digest=Digest(count=gathered.count, models=models, first=gathered.first, last=gathered.last),
    )  # fmt: skip
