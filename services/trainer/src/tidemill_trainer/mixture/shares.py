"""Of which versions a run is to make a mixture: as evidence of its request, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tidemill.contracts.events.platform import Evidence
from tidemill_learning.admission import MIXTURE

_SUBJECT = "version "

Shares = tuple[tuple[int, float], ...]
"""Version and weight of each member, heaviest first."""


def evidence_of(members: Sequence[tuple[int, float]], detector: str) -> tuple[Evidence, ...]:
    """One for each member: its weight as the statistic."""
    return tuple(
        Evidence(
            detector=detector, kind=MIXTURE, subject=f"{_SUBJECT}{version}", statistic=weight, threshold=0.0,
            detail=f"version {version} has {weight:.6g} of the mixture that answers best",
        )
        for version, weight in members
    )  # fmt: skip


def shares_in(evidence: Iterable[Mapping[str, Any]]) -> Shares:
    """What evidence (plain data) asks to mix; nothing where it asks for a training."""
    return tuple(
        (int(one["subject"].removeprefix(_SUBJECT)), float(one["statistic"]))
        for one in evidence
        if one["kind"] == MIXTURE
    )
