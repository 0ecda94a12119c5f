"""What is known of a trial: reports of both arms and comparisons on labels, each counted once. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidemill.contracts.events.profiles import Profile
from tidemill.contracts.events.trials import ArmCalls, ArmReport
from tidemill_learning.release.observed import Calls, Observed

KNOWN_IDS = 20_000
"""A repeat comes soon after what it repeats: a process that starts again writes again what it was not sure of."""


@dataclass(slots=True)
class Trial:
    """One challenger against one champion, from the epoch at which it began. What belongs to another is left out."""

    model: str
    champion: int
    challenger: int
    first_epoch: int
    started_ms: int
    seen: Observed = field(default_factory=Observed)
    _by_epoch: dict[int, Calls] = field(default_factory=dict)
    _ids: dict[str, None] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[int, int, int]:
        """Champion, challenger and first epoch: a version that comes again is another trial."""
        return self.champion, self.challenger, self.first_epoch

    def add_report(self, report: ArmReport) -> None:
        """Take in what one process tells."""
        if report.model != self.model or not self._is_ours(report.champion, report.challenger, report.epoch):
            return
        if self._is_repeat(report.report_id):
            return
        challenger = _calls(report.challenger_calls)
        self.seen.note_calls(_calls(report.champion_calls), challenger, this_step=False)
        self.seen.note_scores(report.buckets, report.champion_scores, report.challenger_scores)
        self._by_epoch[report.epoch] = self._by_epoch.get(report.epoch, Calls()) + challenger

    def add_profile(self, profile: Profile) -> None:
        """Take in the comparisons of one window of labels."""
        ours = [
            found
            for found in profile.comparisons
            if profile.model == self.model and self._is_ours(found.champion, found.challenger, found.epoch)
        ]
        if not ours or self._is_repeat(profile.profile_id):
            return
        for found in ours:
            self.seen.gains.add(found.labels, list(found.gains))

    def at(self, epoch: int) -> Observed:
        """Everything so far, with this epoch as the step."""
        self.seen.in_step = self._by_epoch.get(epoch, Calls())
        return self.seen

    def _is_ours(self, champion: int, challenger: int, epoch: int) -> bool:
        return (champion, challenger) == (self.champion, self.challenger) and epoch >= self.first_epoch

    def _is_repeat(self, identity: str) -> bool:
        if identity in self._ids:
            return True
        self._ids[identity] = None
        if len(self._ids) > KNOWN_IDS:
            del self._ids[next(iter(self._ids))]
        return False


def _calls(found: ArmCalls) -> Calls:
    return Calls(found.calls, found.slow, found.rows, found.failed, found.answered)
