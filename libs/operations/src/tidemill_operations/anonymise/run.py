"""An anonymised copy from beginning to end: nothing is written before every field is settled."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from tidemill_operations.acts import note_act
from tidemill_operations.anonymise.choices import Choices
from tidemill_operations.anonymise.fields import plans_of
from tidemill_operations.anonymise.files import WHOLE, Target
from tidemill_operations.anonymise.make import Copy, make_copy
from tidemill_operations.anonymise.pseudonyms import Pseudonyms
from tidemill_operations.anonymise.report import Counts, Report
from tidemill_operations.anonymise.said import times_told
from tidemill_operations.anonymise.source import Source, read_source
from tidemill_operations.errors import WrongUse
from tidemill_operations.references.reading import table_uri

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.platform import PlatformView

ACT = "anonymise"
MADE = "made for this copy and forgotten: nobody can make these hashes again"
GIVEN = "the given one: whoever holds it can try whether a hash is somebody's"


def anonymise(
    platform: PlatformView, spec: ModelSpec, choices: Choices, names: Pseudonyms, target: Target, *, given_key: bool,
    dry_run: bool, told: Callable[[str, int, int], None],
) -> Report:  # fmt: skip
    """Copy a model's rows; with `dry_run` only say what would be done, fields that are undecided included.

    Raises WrongUse where a person must say what is to become of a field or the target is not free, NotPossible where a
    store is away or there is nothing to copy, ConfigError where the act cannot be noted: then nothing is written.
    """
    plans = plans_of(spec, platform.schemas.record(spec.name), choices)
    target.must_be_free()
    fields = [pa.field(plan.name, plan.type) for plan in plans.values() if plan.in_record]
    uri = table_uri(platform.settings.tables, platform.settings.prefix, spec.name)
    source = read_source(uri, fields, choices.newest, choices.since_ms, told)
    made = make_copy(spec, plans, choices, source, names, told)
    report = Report(
        model=spec.name, to=target.url, dry_run=dry_run, rare=choices.rare, entities=made.entities,
        counts=_counts(source, made), fields=made.fields, key=GIVEN if given_key else MADE, times=times_told(choices),
        nameless=made.nameless,
    )  # fmt: skip
    if dry_run:
        return report
    _must_be_settled(report)
    note_act(
        platform, ACT, spec.name, to=re.sub(r"//[^/@]*@", "//", target.url), table_version=source.version,
        events=report.counts.events, labels=report.counts.labels, key="given" if given_key else "made",
        fields={one.name: one.done for one in report.fields},
    )  # fmt: skip
    told("writing", 0, 1)
    target.write(made.events, made.labels, report.facts())
    return replace(report, files=(*target.names, WHOLE))


def _must_be_settled(report: Report) -> None:
    if not report.asked:
        return
    lines = "\n".join(f"  {one.name}: {one.ask}" for one in report.asked)
    raise WrongUse(
        "these fields may tell who it is; say of each what is to become of it, by --keep FIELD (values that fewer than "
        f"{report.rare} entities hold go), --drop FIELD, --hash FIELD or --mask FIELD:\n{lines}"
    )


def _counts(source: Source, made: Copy) -> Counts:
    return Counts(
        events=made.events.num_rows, labels=made.labels.num_rows, older=source.older, repeats=source.repeats,
        labels_of_others=source.labels_of_others, rare_events=made.rare_events, rare_labels=made.rare_labels,
        labels_dropped=made.labels_dropped,
    )  # fmt: skip
