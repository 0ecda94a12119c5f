"""An erasure from beginning to end. It may be killed anywhere and run again: what is gone is gone, what is left is
found anew, and what versions have learned is known from the audit log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tidemill_operations.erase.acts import (
    KEY_FILE,
    Erasure,
    erasures_of,
    key_name,
    note_clean,
    note_erasure,
    noted_by_others,
)
from tidemill_operations.erase.database import rows_that_name
from tidemill_operations.erase.entity import forms_of, noted_as
from tidemill_operations.erase.positions import Positions
from tidemill_operations.erase.records import Wanted
from tidemill_operations.erase.report import Holding, ModelReport, Report
from tidemill_operations.erase.table import TrainingTable
from tidemill_operations.erase.topics import Found, Told, find_mentions, find_records, settle, settle_mentions
from tidemill_operations.erase.versions import versions_that_hold

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.platform import PlatformView

ELSEWHERE = (
    "backups that were made before now hold it until they expire: run it again after a restore (docs/backup.md)",
    "scores in Redis and answers to repeated requests go with their TTL, minutes (TIDEMILL_CACHE_TTL_S, "
    "TIDEMILL_IDEMPOTENCY_TTL_S); their keys are digests",
    "files that were pushed, exports of yours, logs of what calls Tidemill: it does not know them",
)
"""What no look at the platform can find."""


@dataclass(slots=True)
class _Model:
    """One model's part of the act."""

    platform: PlatformView
    spec: ModelSpec
    wanted: Wanted
    table: TrainingTable
    rows: Positions = field(default_factory=Positions)
    records: list[Found] = field(default_factory=list)

    def find(self, told: Told) -> None:
        """The table first: it remembers events that topics have lost."""
        told(self.table.uri)
        self.table.find(self.wanted)
        self.records = find_records(self.platform, self.spec, self.wanted, told)
        self.rows = self.table.find(self.wanted)

    def erase(self, entity: str, keys: Sequence[bytes], told: Told) -> ModelReport:
        """Note, then erase, then say what is left."""
        name = noted_as(entity, keys[0])
        note_erasure(self.platform, self.spec.name, name, self.rows, key_name(keys[0]))
        told(self.table.uri)
        holdings = self.table.erase(
            self.wanted, lambda version: note_clean(self.platform, self.spec.name, name, version)
        )
        return self._report([*holdings, *self._rest(self._known(entity, keys), dry_run=False)])

    def plan(self, entity: str, keys: Sequence[bytes]) -> ModelReport:
        """What would be erased, and what would be left."""
        learned = [*self._known(entity, keys), Erasure(0, "", self.rows)]
        return self._report([*self.table.would(self.rows), *self._rest(learned, dry_run=True)])

    def _known(self, entity: str, keys: Sequence[bytes]) -> list[Erasure]:
        """Erasures of this entity, this one and those before, whichever of the keys they were noted by."""
        names = {noted_as(entity, key) for key in keys}
        return [one for one in erasures_of(self.platform, self.spec.name) if one.noted_as in names]

    def _rest(self, learned: list[Erasure], *, dry_run: bool) -> list[Holding]:
        texts = self.wanted.forms.texts
        return [
            *settle(self.platform, self.records, dry_run=dry_run),
            *versions_that_hold(self.platform, self.spec, learned, texts),
        ]

    def _report(self, holdings: list[Holding]) -> ModelReport:
        return ModelReport(model=self.spec.name, holdings=tuple(holdings), unfindable=self._unfindable())

    def _unfindable(self) -> str:
        """A rule that leaves nothing of the entity leaves its rows to be found by raw records alone."""
        rule = self.spec.privacy.get(self.spec.entity)
        if rule is None or rule.kind == "hash":
            return ""
        return (
            f"{self.spec.name} keeps {self.spec.entity} by the rule `{rule.kind}`, so that beyond raw its rows are "
            f"found by the ids of events alone: {len(self.wanted.ids):,} are known, of raw records that are kept "
            "still; rows of earlier ones cannot be told from others'"
        )


def erase(
    platform: PlatformView, specs: Sequence[ModelSpec], entity: str, *, keys: Sequence[bytes],
    note_keys: Sequence[bytes], dry_run: bool, told: Told,
) -> Report:  # fmt: skip
    """Erase what a platform holds of an entity, for these models; with `dry_run` only say what that would be. `keys`:
    by which privacy rules hash; `note_keys`: by which the audit log does, and did (see `acts.note_keys`). `told` hears
    what is looked at.

    Raises WrongUse (see `forms_of`), NotPossible and ConfigError where a store or the database is away, RetryLater
    without brokers. Nothing is erased before all models are looked through.
    """
    models = [
        _Model(platform, spec, Wanted(forms_of(spec, entity, keys)), TrainingTable(platform, spec)) for spec in specs
    ]
    for one in models:
        one.find(told)
    name = "" if dry_run else noted_as(entity, note_keys[0])
    done = tuple(one.plan(entity, note_keys) if dry_run else one.erase(entity, note_keys, told) for one in models)
    texts = frozenset(text for one in models for text in one.wanted.forms.texts)
    shared = (*settle_mentions(platform, find_mentions(platform, texts, told), texts), *rows_that_name(platform, texts))
    return Report(
        models=done,
        shared=shared,
        dry_run=dry_run,
        noted=name,
        elsewhere=(*_unknown(platform, specs, note_keys), *ELSEWHERE),
    )


def _unknown(platform: PlatformView, specs: Sequence[ModelSpec], keys: Sequence[bytes]) -> tuple[str, ...]:
    """That the audit log has erasures of which nobody can tell here whether they were this entity's."""
    count = sum(noted_by_others(erasures_of(platform, spec.name), keys) for spec in specs)
    if not count:
        return ()
    return (
        f"{count:,} erasures were noted by a key that is not here, and versions that learned from their rows are not "
        f"named: bring {platform.settings.trusted_keys.parent / KEY_FILE} back, or name that key with "
        "--privacy-key-file",
    )
