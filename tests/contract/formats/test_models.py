"""The model files of this repository: they load, fit their records, and the JSON Schema beside them says what
the loader says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.contract.contract import ROOT, SCHEMAS, catalog, models
from tests.unit.core.contracts.model_file.model_text import MINIMAL
from tidemill.contracts.model_file import ModelFileError
from tidemill.contracts.model_file.json_schema import model_file_schema
from tidemill.contracts.model_file.load import parse_model
from tidemill.contracts.model_file.yaml.loader import Loader
from tidemill.contracts.schemas.history import check_history

EDITORS = Draft202012Validator(model_file_schema())
FORBIDDEN = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}

ACCEPTED = [
    "training: {first_after: 20_000, split: [60, 20, 20], budget: 90s, gate: {at_least: 0.6}}",
    "training: {metric: pr_auc, class_weights: balanced}",
    "training: {metric: calibration_error, class_weights: {'true': 4, 'false': 0.5}}",
    "drift: {window: 12h, watch: [quality]}",
    "drift: {window: 2_000}",
    "retrain: {on: [drift], cooldown: 1.5h, at_most: 3 a day, every: 7d}",
    "retrain: {on: [quality], mixtures: 20 in 40_000}",
    "retrain: {mixtures: off}",
    "release: {mode: direct}",
    "expectations: [{expect_column_values_to_be_between: {column: amount, max_value: 3, severity: info}}]",
    "expectations: [{expect_column_values_to_be_unique: {column: event_id, within: 2d}}]",
    "expectations: [{expect_column_values_to_be_in_set: {column: amount, value_set: [1, 2]}}]",
    "expectations: [{expect_column_mean_to_be_between: {column: amount, min_value: 5, over: 6h}}]",
    "expectations: [{expect_column_values_to_not_be_null: {column: amount, mostly: 0.9, over: 2d}}]",
    "expectations: [{expect_column_pair_values_to_be_equal: {column_A: a, column_B: b}}]",
    "expectations: [{expect_compound_columns_to_be_unique: {column_list: [a, b], within: 1d}}]",
    "expectations: [{expect_table_row_count_to_be_between: {min_value: 1, severity: critical}}]",
    "expectations: [{expect_table_columns_to_match_set: {column_set: [amount], exact_match: false}}]",
    "expectations: [{expect_table_freshness_to_be_within: {max_age: 1h}}]",
    "expectations: [{expect_column_quantile_values_to_be_between: {column: amount,"
    " quantile_ranges: {quantiles: [0.5], value_ranges: [[0, null]]}}}]",
    "privacy: {customer: hash, name: drop, card: {mask: {keep_last: 2}}}",
    "normalise: {amount: {unit: {from: mi, to: km}}, city: [trim, upper, {map: {NYC: JFK}, other: null}]}",
]
REFUSED = [
    "privacy: {customer: encrypt}",
    "privacy: {customer: {mask: {keep: 4}}}",
    "normalise: {amount: []}",
    "normalise: {amount: {unit: {from: mi, to: parsec}}}",
    "release: {mode: sudden}",
    "release: {stages: []}",
    "release: {mode: canary, stages: [5]}",
    "release: {limits: {p99: 5ms}}",
    "release: {approval: perhaps}",
    "training: {metric: rmsle}",
    "training: {first_after: 0}",
    "training: {class_weights: even}",
    "training: {class_weights: {}}",
    "training: {class_weights: {'true': 0}}",
    "target: {label: defaulted, task: binary, cost: {false_positive: 1}}",
    "target: {label: defaulted, task: binary, cost: {false_positive: 0, false_negative: 5}}",
    "training: {budget: 60}",
    "training: {candidates: []}",
    "drift: {window: soon}",
    "retrain: {at_most: often}",
    "retrain: {mixtures: 3 a day}",
    "retrain: {mixtures: on}",
    "expectations: [{expect_column_stdev_to_be_between: {column: amount, min_value: 5}}]",
    "expectations: [{expect_column_values_to_be_between: {column: amount}}]",
    "expectations: [{expect_column_values_to_not_be_null: {column: amount, mostly: 1.9}}]",
    "expectations: [{expect_table_row_count_to_be_between: {column: amount, min_value: 1}}]",
    "expectations: [{expect_column_values_to_be_unique: {column: event_id}}]",
    "features: {amount: text}",
    "target: {label: defaulted}",
]


def as_an_editor_reads_it(text: str) -> Any:
    return yaml.load(text, Loader=Loader)


def test_every_model_fits_its_record() -> None:
    assert set(models()) == {"flight-delay", "telecom-churn", "bank-churn", "car-price"}
    for name, spec in models().items():
        assert spec.name == name == Path(spec.schema_file).stem
        assert catalog().record(name).full_name.startswith("dev.tidemill.models.")


def test_a_platform_runs_the_models_of_the_folder_and_no_example() -> None:
    assert {path.stem for path in (ROOT / "models").glob("*.yaml")} == {"flight-delay", "telecom-churn"}


def test_flights_are_judged_by_what_is_known_at_their_scheduled_departure() -> None:
    names = {feature.name for feature in models()["flight-delay"].features}
    assert not names & FORBIDDEN
    assert not set(catalog().record("flight-delay").field_names) & FORBIDDEN


def test_every_record_schema_is_in_its_history_and_reads_all_of_it() -> None:
    assert check_history(SCHEMAS, models()) == []


def test_the_json_schema_beside_the_contract_is_the_one_that_the_code_gives() -> None:
    Draft202012Validator.check_schema(model_file_schema())
    assert json.loads((SCHEMAS / "model-file.schema.json").read_text()) == model_file_schema()


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("models/*.yaml"), *ROOT.glob("examples/*/models/*.yaml")]), ids=lambda path: path.stem
)
def test_an_editor_accepts_the_models(path: Path) -> None:
    text = path.read_text()
    up = "../" * len(path.parent.relative_to(ROOT).parts)
    assert text.startswith(f"# yaml-language-server: $schema={up}schemas/model-file.schema.json\n")
    EDITORS.validate(as_an_editor_reads_it(text))


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_the_loader_accepts_an_editor_accepts(text: str) -> None:
    parse_model(Path("m.yaml"), MINIMAL + text)
    EDITORS.validate(as_an_editor_reads_it(MINIMAL + text))


@pytest.mark.parametrize("text", REFUSED)
def test_what_an_editor_refuses_the_loader_refuses(text: str) -> None:
    key = text.partition(":")[0]
    document = as_an_editor_reads_it(MINIMAL) | as_an_editor_reads_it(text)
    assert not EDITORS.is_valid(document), key
    with pytest.raises(ModelFileError):
        parse_model(Path("m.yaml"), yaml.safe_dump(document))
