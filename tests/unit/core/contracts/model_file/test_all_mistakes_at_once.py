"""Everything that is wrong in a model file is told at once, each with its place; what follows from another is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidemill.contracts.model_file import ModelFileError
from tidemill.contracts.usable import usable_models
from tidemill.errors import ConfigError

GOOD = """\
model: loan
schema: loan.avsc
entity: customer
event_id: loan_id
event_time: asked_at
description: Is it paid back?
unique: on
target:
  label: defaulted
  task: binary
  delay: 6h
  expires: 3d
features:
  amount: number
  purpose: category
  rate: {number: {missing: median}}
  asked_at: {time: [hour, weekday], zone: UTC}
expectations:
  - expect_column_values_to_not_be_null: {column: amount}
  - expect_column_values_to_be_between: {column: rate, min_value: 0, max_value: 30}
  - expect_column_values_to_be_in_set: {column: purpose, value_set: [car, house]}
  - expect_column_mean_to_be_between: {column: amount, min_value: 5, over: 1d, severity: warning}
  - expect_column_values_to_match_regex: {column: purpose, regex: "^[a-z]+$"}
normalise:
  purpose: [trim, lower]
  length: [{unit: {from: ft, to: m}}]
privacy:
  customer: hash
  phone: {mask: {keep_last: 4}}
training:
  first_after: 20_000
  split: [70, 15, 15]
  candidates: [random_forest]
  budget: 60s
  metric: roc_auc
  gate: {at_least: 0.60, better_by: 0}
release:
  mode: canary
  stages: [5%, 50%, 100%]
  hold: 10m
  limits: {errors: 0.1%, p95: 500ms}
drift:
  window: 5_000
  watch: [features, quality]
retrain:
  on: [drift]
  every: 7d
  at_most: 3 a day
"""
TIME = {"type": "long", "logicalType": "timestamp-millis"}
FIELDS: dict[str, Any] = {
    "loan_id": "string", "customer": "string", "asked_at": TIME, "amount": "double", "purpose": "string",
    "rate": ["null", "double"], "length": "double", "phone": ["null", "string"], "defaulted": ["null", "boolean"],
}  # fmt: skip

MISTAKES = [
    ("model: loan", "model: Loan Default", "`model` must be lower-case"),
    ("entity: customer", "entity: custommer", "no field 'custommer': did you mean 'customer'?"),
    ("event_id: loan_id", "event_id: amount", "'amount' is double"),
    ("event_time: asked_at", "event_tme: asked_at", "unknown key 'event_tme': did you mean 'event_time'?"),
    ("description: Is it paid back?", "description: 12", "`description` must be text"),
    ("unique: on", "unique: perhaps", "`unique` must be on or off"),
    ("  task: binary", "  task: binry", "`target.task` must be one of"),
    ("  delay: 6h", "  delay: 6x", "`target.delay`"),
    ("  amount: number", "  amoount: number", "no field 'amoount'"),
    ("  purpose: category", "  purpose: categori", "`features.purpose` must be one of"),
    ("{missing: median}", "{missing: mean}", "`features.rate.number.missing` must be one of"),
    ("zone: UTC", "zone: Mars", "'Mars' is no time zone"),
    ("to_not_be_null: {column: amount}", "to_not_be_nul: {column: amount}", "unknown expectation"),
    ("min_value: 0, max_value: 30", "min_value: 40, max_value: 30", "`max_value` 30 is below `min_value` 40"),
    ("{column: purpose, value_set: [car, house]}", "{column: rate, value_set: [car, house]}", "'rate' is double"),
    ("severity: warning", "severity: grave", ".severity` must be one of"),
    ('regex: "^[a-z]+$"', 'regex: "(["', ".regex`"),
    ("  purpose: [trim, lower]", "  purpose: [trim, lowr]", "`normalise.purpose[1]` must be one of"),
    ("to: m", "to: kg", "ft is a length, kg a mass"),
    ("  customer: hash", "  customer: burn", "`privacy.customer` must be one of"),
    ("keep_last: 4", "keep_lst: 4", "unknown key 'keep_lst'"),
    ("  first_after: 20_000", "  first_after: many", "`training.first_after` must be a whole number"),
    ("split: [70, 15, 15]", "split: [70, 15, 10]", "`training.split` must be three"),
    ("candidates: [random_forest]", "candidates: [forest]", "`training.candidates[0]` must be one of"),
    ("  budget: 60s", "  budget: soon", "`training.budget`"),
    ("  metric: roc_auc", "  metric: auc_roc", "`training.metric` must be one of"),
    ("at_least: 0.60", "at_least: good", "`training.gate.at_least` must be a number"),
    ("  mode: canary", "  mode: canarie", "`release.mode` must be one of"),
    ("stages: [5%, 50%, 100%]", "stages: [50%, 5%, 100%]", "`release.stages` must be rising"),
    ("  hold: 10m", "  hold: 10", "`release.hold`"),
    ("errors: 0.1%", "errors: 0.1", "`release.limits.errors`"),
    ("p95: 500ms", "p95: fast", "`release.limits.p95`"),
    ("  window: 5_000", "  window: 0", "`drift.window` must be a whole number"),
    ("watch: [features, quality]", "watch: [feature, quality]", "`drift.watch[0]` must be one of"),
    ("  on: [drift]", "  on: [drift, drift]", "'drift' stands twice"),
    ("  every: 7d", "  evry: 7d", "unknown key 'evry' in retrain"),
    ("at_most: 3 a day", "at_most: often", "`retrain.at_most`"),
]
"""A line's text, what it becomes, and what is told of it."""


def told(folder: Path, text: str) -> list[str]:
    """What is told of a text, without the file's name; each with line and column in front."""
    schemas, models = folder / "schemas" / "models", folder / "models"
    schemas.mkdir(parents=True, exist_ok=True)
    models.mkdir(exist_ok=True)
    fields = [{"name": name, "type": kind} for name, kind in FIELDS.items()]
    (schemas / "loan.avsc").write_text(json.dumps({"type": "record", "name": "Loan", "fields": fields}))
    (models / "loan.yaml").write_text(text)
    try:
        usable_models(models, folder / "schemas")
    except ConfigError as error:
        return [line.removeprefix(f"{models / 'loan.yaml'}:") for line in str(error).splitlines()]
    return []


@given(chosen=st.sets(st.sampled_from(range(len(MISTAKES))), min_size=1))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_so_many_independent_mistakes_so_many_are_told_each_at_its_line(tmp_path: Path, chosen: set[int]) -> None:
    text, places = GOOD, {}
    for index in sorted(chosen):
        before, after, _ = MISTAKES[index]
        assert text.count(before) == 1
        places[index] = GOOD[: GOOD.index(before)].count("\n") + 1
        text = text.replace(before, after)
    found = told(tmp_path, text)
    assert len(found) == len(chosen), "\n".join(found)
    for index in chosen:
        assert any(one.startswith(f"{places[index]}:") and MISTAKES[index][2] in one for one in found), found
    assert found == sorted(found, key=lambda one: tuple(map(int, one.split(":")[:2])))


def test_the_good_file_is_good(tmp_path: Path) -> None:
    assert told(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("entity: customer", "entiti: customer", "unknown key 'entiti': did you mean 'entity'?"),
        ("event_id: loan_id", "evnt_id: loan_id", "unknown key 'evnt_id': did you mean 'event_id'?"),
        ("  task: binary", "  tsk: binary", "unknown key 'tsk' in target: did you mean 'task'?"),
        ("  label: defaulted", "  lable: defaulted", "unknown key 'lable'"),
        ("features:", "feature:", "unknown key 'feature'"),
        ("target:", "trget:", "unknown key 'trget'"),
        ("  mode: canary", "  moode: canary", "unknown key 'moode'"),
        ("min_value: 5, over", "minimum: 5, over", "unknown key 'minimum'"),
        ("value_set: [car, house]", "values: [car, house]", "unknown key 'values'"),
        ("{column: rate, min_value: 0, max_value: 30}", "{column: rate}", "needs `min_value`, `max_value` or both"),
        ("schema: loan.avsc", "schema: loan", "`schema` must be the name of an .avsc file"),
        ("  amount: number", "  amount: number\n  amount: nmber", "`features.amount` stands twice"),
        ("zone: UTC", "zoon: UTC", "unknown key 'zoon'"),
        ("  mode: canary", "  kind: canary", "unknown key 'kind' in release"),
        ("  mode: canary", "  mode: direct\n  mode: canary", "`release.mode` stands twice"),
        (
            "  mode: canary\n  stages: [5%, 50%, 100%]",
            "  mode: ab\n  mode: canary\n  stages: [5%, 9%]",
            "`release.mode` stands",
        ),
        ("  task: binary", "  task: regression\n  task: binary", "`target.task` stands twice"),
        ("  task: binary", "  task: binary\n  task: regression", "`target.task` stands twice"),
        ("  delay: 6h\n  expires: 3d", "  delay: 5d\n  delay: 6h\n  expires: 3d", "`target.delay` stands twice"),
        ("  delay: 6h\n  expires: 3d", "  delay: 31d\n  until: 40d", "unknown key 'until' in target"),
    ],
)
def test_what_follows_from_a_mistake_is_not_told(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert GOOD.count(before) == 1
    (one,) = told(tmp_path, GOOD.replace(before, after))
    assert said in one


def test_an_unknown_key_that_is_like_another_hides_no_mistake_of_the_rest(tmp_path: Path) -> None:
    found = told(tmp_path, GOOD.replace("  mode: canary\n", "").replace("  hold: 10m", "  holds: 10m"))
    assert "`release.stages` belong to canary and ab" in found[0]
    assert "unknown key 'holds' in release: did you mean 'hold'?" in found[1]
    assert len(found) == 2


def test_a_section_that_stands_twice_hides_none_of_its_own_mistakes_and_none_behind_it(tmp_path: Path) -> None:
    second = "expectations:\n  - expect_column_values_to_be_nul: {column: rate}\ndrift: {watch: [feature]}\nownr: me\n"
    found = told(tmp_path, GOOD.replace("{column: amount}", "{column: amuont}") + second)
    expected = [
        "no field 'amuont'", "`expectations` stands twice", "unknown expectation", "`drift` stands twice",
        "`drift.watch[0]` must be one of", "unknown key 'ownr'",
    ]  # fmt: skip
    assert [said for said, one in zip(expected, found, strict=True) if said not in one] == [], found


def test_several_keys_that_are_missing_and_unknown_are_each_told(tmp_path: Path) -> None:
    text = GOOD.replace("entity: customer\n", "colour: red\n").replace("  task: binary\n", "")
    found = told(tmp_path, text)
    assert ["unknown key 'colour'" in found[1], "`entity` is missing" in found[0]] == [True, True], found
    assert "`target.task` is missing" in found[2]
    assert len(found) == 3


def test_of_a_file_that_is_wrong_throughout_a_hundred_mistakes_are_told(tmp_path: Path) -> None:
    found = told(tmp_path, GOOD + "".join(f"strange{k}: {k}\n" for k in range(20_000)))
    assert len(found) == 100


def test_an_error_of_several_is_the_first_and_has_them_all() -> None:
    second, first = (ModelFileError(Path("m.yaml"), line, 1, f"wrong in {line}") for line in (9, 3))
    error = ModelFileError.of([second, first])
    assert (error.line, error.mistakes) == (3, (first, second))
    assert str(error) == "m.yaml:3:1: wrong in 3\nm.yaml:9:1: wrong in 9"
