"""What was done to a field, why a person is asked of one, and what is to be known of it: in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemill_operations.anonymise.choices import Choices
from tidemill_operations.anonymise.fields import Act, Plan, Sort
from tidemill_operations.anonymise.report import FieldReport

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.anonymise.rare import Held

UNIQUE, THERE = "expect_column_values_to_be_unique", "expect_column_values_to_not_be_null"
"""What the model expects of a field that hashes, or any values that are there, meet as those before did."""


def reason_to_ask(plan: Plan, found: Held, choices: Choices) -> str:
    """Why nobody but a person can tell whether a field may stay; empty where it stays, or something was said of it."""
    if plan.act is not Act.ASK:
        return ""
    rare = found.rare(choices.rare)
    many = found.values > choices.many and not plan.listed
    if not (rare or many):
        return ""
    few = f", {rare:,} of them held by fewer than {choices.rare} entities" if rare else ""
    return f"{found.values:,} different values{few}"


def field_report(
    spec: ModelSpec, plan: Plan, found: Held, choices: Choices, *, replaced: int, ask: str, labels: bool = False
) -> FieldReport:
    """`labels`: it is of the labels' own column."""
    done = "UNDECIDED" if ask else _done(plan, choices)
    return FieldReport(
        name=f"{plan.name} (labels)" if labels else plan.name, done=done, values=found.values,
        rare=found.rare(choices.rare), replaced=replaced, ask=ask,
        note="" if labels or ask else _note(spec, plan, choices, replaced=replaced),
    )  # fmt: skip


def times_told(choices: Choices) -> str:
    """What was done to times; "kept" where nothing was."""
    parts = []
    if choices.shift is not None:
        parts.append(f"each entity's times moved back by one random stretch of up to {choices.shift.days} days")
    if choices.truncate is not None:
        parts.append(f"times cut to the beginning of their {choices.truncate} in UTC")
    return ", then ".join(parts) or "kept"


def _done(plan: Plan, choices: Choices) -> str:
    if plan.act is Act.HASH:
        return f"hashed: {plan.by}"
    if plan.act is Act.DROP:
        return f"dropped: {plan.by}"
    if plan.act is Act.MASK:
        last = f" but for the last {plan.keep_last} characters" if plan.keep_last else ""
        return f"masked{last}: {plan.by}"
    if plan.act is Act.ROUND:
        return f"rounded to multiples of {plan.step}"
    if plan.sort is Sort.TIME:
        return times_told(choices)
    return "kept but for rare values" if plan.judged else "kept"


def _note(spec: ModelSpec, plan: Plan, choices: Choices, *, replaced: int) -> str:
    notes = []
    rule = spec.privacy.get(plan.name)
    if plan.name == spec.entity and rule is not None and rule.kind != "hash":
        notes.append(f"its rule of privacy ({rule.kind}) has made entities one another in the table: all of one hash")
    moved = plan.sort is Sort.TIME and (choices.shift is not None or choices.truncate is not None)
    if replaced or moved or plan.act in (Act.HASH, Act.DROP, Act.MASK, Act.ROUND):
        held = {UNIQUE, THERE} if plan.act is Act.HASH else set() if replaced or plan.act is Act.DROP else {THERE}
        named = dict.fromkeys(one.name for one in spec.expectations if plan.name in one.columns)
        if broken := [name for name in named if name not in held]:
            notes.append(f"rows may not meet any more what the model expects of it: {', '.join(broken)}")
    if replaced and plan.stand_in:
        notes.append(f"{plan.stand_in!r} stands for rare values, for it admits no null")
    return "; ".join(notes)
