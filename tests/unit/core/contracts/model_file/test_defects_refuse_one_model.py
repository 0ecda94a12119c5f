"""Whatever a model file holds, reading and checking it refuses that file by name and takes no other model with it."""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import tidemill.contracts.usable
from tests.unit.core.contracts.model_file.model_text import MINIMAL, refused
from tidemill.contracts.model_file import ModelFileError
from tidemill.contracts.model_file.load import load_model, load_models, parse_model
from tidemill.contracts.usable import serve_usable, usable_models
from tidemill.errors import ConfigError

RECORD = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "asked_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "customer", "type": "string"},
        {"name": "amount", "type": "double"},
        {"name": "purpose", "type": ["null", "string"]},
        {"name": "rate", "type": ["null", "double"]},
    ],
}
WHOLE = """\
model: &name loan-default
schema: loan-default.avsc
entity: customer
event_time: asked_at
unique: on
target: {label: defaulted, task: binary, delay: 6h, expires: 3d}
features: {amount: number, purpose: category, rate: {number: {missing: median}}, asked_at: {time: [hour], zone: UTC}}
expectations:
  - &first expect_column_values_to_be_between: {column: rate, min_value: 0, max_value: 30, mostly: 0.5, over: 1h}
  - expect_column_values_to_be_in_set: {column: purpose, value_set: [car, house]}
  - expect_column_quantile_values_to_be_between: {column: rate, quantile_ranges: &q {quantiles: [0.5],
      value_ranges: [[0, 9]]}}
  - expect_column_values_to_match_regex: {column: purpose, regex: "^[a-z]+$"}
  - expect_column_values_to_be_of_type: {column: purpose, type_: str}
  - expect_column_value_lengths_to_equal: {column: purpose, value: 3}
  - expect_column_values_to_be_unique: {column: event_id, within: 2d}
normalise: {purpose: [trim, {map: {NYC: JFK}}], rate: [{multiply: 2}, {unit: {from: ft, to: m}}]}
privacy: {customer: hash}
source: {topic: loans, format: json, fields: {amount: payload.amount}}
training: {first_after: 20_000, split: [70, 15, 15], budget: 60s, gate: {at_least: 0.6, better_by: 0}}
release: {mode: canary, stages: [5%, 100%], hold: 10m, limits: {errors: 0.1%}}
drift: {window: 5_000, watch: [features]}
retrain: {on: [drift], every: 7d, at_most: 3 a day}
"""
TOKEN = re.compile(r"[\w.%^$+-]+|[\[\]{}:,&*\"]|\n *")
PLACES = [match.span() for match in TOKEN.finditer(WHOLE)]
ODD = [
    "*first", "*name", "&name", "&other x", "*nowhere", "null", "~", "true", "[]", "{}", "[[]]", "{a: b}",
    "{*name : 1}", "? [x]", "1", "-1", "0", "0.5", "1e400", "-1e400", "1e308", "9" * 309, "9" * 320, "-" + "9" * 400,
    "9" * 4300, "9" * 5000, "1" + "_0" * 400, "!!float nan", "!!float inf", "!!float -inf", "!!int x", "!!int 1.5",
    "!!str 1", "!!binary aGk=", "!!set {a}", "!!omap [a: 1]", "!own x", "!<tag:yaml.org,2002:float> nan",
    "!!timestamp 2013-01-31", "!!bool yes", "!!null x", "!!float ''", "<<", '"\\ud800"', '"\\U00110000"',
    '"\\UFFFFFFFF"', '"\\0"', '"a\\0.avsc"', '"\\ud800.avsc"', "../x.avsc", "x" * 5000 + ".avsc", '""', "é", "日",
    "1ms", "0.1ms", "99999999999w", "999999d", "9" * 400 + "d", "9" * 5000 + " a day", "9" * 400 + " a day",
    "9" * 400 + "%", "1d", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2013-01-31", "(", "(?<x>a",
    "\\w{1000}", "[[:x:]]", "%", "expect_column_values_to_be_in_set", "expect_compound_columns_to_be_unique",
    "column_list", "mostly", "over", "within", "severity", "America", "Europe/Berlin", "/etc/passwd", "header:",
    "coordinates", "record", "protobuf", "time", "category", "map", "mask", "ab", "off",
]  # fmt: skip

STRIDE = 16
"""Every word in every place takes minutes; neighbours in the list stand in neighbouring places."""


def _mutated(changes: list[tuple[int, str, bool]]) -> str:
    text = WHOLE
    for place, word, instead in sorted(changes, key=lambda change: -change[0]):
        start, end = PLACES[place]
        text = text[:start] + word + (text[end:] if instead else " " + text[start:])
    return text


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "schemas" / "models").mkdir(parents=True)
        (Path(made) / "schemas" / "models" / "loan-default.avsc").write_text(json.dumps(RECORD))
        (Path(made) / "models").mkdir()
        yield Path(made)


CHANGES = st.lists(
    st.tuples(st.integers(0, len(PLACES) - 1), st.sampled_from(ODD), st.booleans()), min_size=1, max_size=3,
    unique_by=lambda change: change[0],
)  # fmt: skip


@given(CHANGES)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([])
def test_any_change_of_a_model_file_leaves_it_right_or_refuses_it_and_meets_no_defect(
    folder: Path, changes: list[tuple[int, str, bool]]
) -> None:
    (folder / "models" / "a.yaml").write_text(_mutated(changes), encoding="utf-8")
    try:
        found, refused = usable_models(folder / "models", folder / "schemas")
        assert changes or (list(found) == ["loan-default"] and not refused)
    except ConfigError as error:
        assert "defect" not in str(error)
        assert str(folder) in str(error)
        str(error).encode()  # it can be printed


@pytest.mark.parametrize("word", ODD)
def test_a_word_in_places_all_over_a_model_file_meets_no_defect(word: str) -> None:
    for place in range(ODD.index(word) % STRIDE, len(PLACES), STRIDE):
        try:
            parse_model(Path("a.yaml"), _mutated([(place, word, True)]))
        except ModelFileError as error:
            assert "defect" not in str(error)


@pytest.mark.parametrize(
    "rule",
    [
        "expect_column_values_to_be_in_set: {column: purpose}",
        "expect_column_values_to_match_regex: {column: purpose}",
        "expect_column_values_to_be_of_type: {column: purpose}",
        "expect_column_values_to_be_between: {column: rate}",
        "expect_column_values_to_be_between: {column: rate, min_value: 2, max_value: 1}",
        "expect_column_quantile_values_to_be_between: {column: rate, quantile_ranges: {quantiles: [0.5]}}",
    ],
)
def test_a_wrong_expectation_that_an_alias_repeats_is_wrong_again_and_takes_no_other_model_with_it(
    folder: Path, rule: str, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(MINIMAL + f"expectations:\n  - &a {{{rule}}}\n  - *a\n")
    (tmp_path / "b.yaml").write_text(WHOLE)
    found, refused = usable_models(tmp_path, folder / "schemas")
    assert list(found) == ["loan-default"]
    assert len(refused) == 1
    assert "a.yaml" in str(refused[0])
    assert "defect" not in str(refused[0])


@pytest.mark.parametrize("number", ["9" * 310, "-" + "9" * 310, "9" * 4300, "1e400", "!!float nan", "!!float inf"])
@pytest.mark.parametrize(
    "place",
    [
        "training: {gate: {at_least: %s}}",
        "normalise: {amount: [{multiply: %s}]}",
        "normalise: {amount: [{offset: %s}]}",
        "expectations: [{expect_column_values_to_be_between: {column: amount, min_value: %s}}]",
        "expectations: [{expect_column_values_to_not_be_null: {column: amount, mostly: %s}}]",
        "expectations: [{expect_column_mean_to_be_between: {column: amount, max_value: %s}}]",
        "expectations: [{expect_column_quantile_values_to_be_between: {column: amount,"
        " quantile_ranges: {quantiles: [%s], value_ranges: [[0, 1]]}}}]",
        "expectations: [{expect_column_quantile_values_to_be_between: {column: amount,"
        " quantile_ranges: {quantiles: [0.5], value_ranges: [[%s, null]]}}}]",
    ],
)
def test_a_number_that_no_float_holds_is_refused_at_its_place(place: str, number: str) -> None:
    told = refused(MINIMAL + place % number)
    assert len(told.mistakes) == 1
    assert "must be a finite number" in told.message or "must be a share" in told.message
    assert told.column == MINIMAL.count("\x00") + place.index("%s") + 1


@pytest.mark.parametrize("number", ["!!float nan", "!!float inf", "-1e999"])
def test_a_set_of_values_has_finite_numbers(number: str) -> None:
    text = f"expectations: [{{expect_column_values_to_be_in_set: {{column: amount, value_set: [1, {number}]}}}}]"
    assert "must be a finite number" in refused(MINIMAL + text).message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"training: {{first_after: {2**63}}}", "a whole number of at most 9,223,372,036,854,775,807"),
        ("retrain: {at_most: %s a day}" % ("9" * 400), "more often than can be counted"),
        ("retrain: {at_most: %s a day}" % ("9" * 5000), "more often than can be counted"),
        ("retrain: {every: 5300w}", "longer than can be counted: 36,525 days are the most"),
        ("description: \"\\ud800\"", "has half of a character"),
        ("description: \"\\UFFFFFFFF\"", "not YAML"),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_or_written_is_refused(text: str, said: str) -> None:
    assert said in str(refused(MINIMAL + text))


@pytest.mark.parametrize("name", ['"a\\0.avsc"', "x" * 5000 + ".avsc"])
def test_a_schema_file_that_cannot_be_opened_refuses_its_model(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "a.yaml").write_text(MINIMAL.replace("loan-default.avsc", name).replace(": loan-default", ": other"))
    (tmp_path / "b.yaml").write_text(WHOLE)
    found, wrong = usable_models(tmp_path, folder / "schemas")
    assert list(found) == ["loan-default"]
    assert "cannot read the schema" in str(wrong[0])
    assert "a.yaml" in str(wrong[0])


def test_a_defect_of_ours_met_in_checking_one_model_refuses_it_by_its_file_with_a_traceback_and_serves_the_rest(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tidemill.contracts.usable.mistakes_against_record

    def check(spec, record):  # type: ignore[no-untyped-def]
        if spec.name == "other":
            raise KeyError("value_set")
        return real(spec, record)

    monkeypatch.setattr(tidemill.contracts.usable, "mistakes_against_record", check)
    (tmp_path / "a.yaml").write_text(MINIMAL.replace("model: loan-default", "model: other"))
    (tmp_path / "b.yaml").write_text(WHOLE)
    with caplog.at_level(logging.ERROR):
        assert list(serve_usable(tmp_path, folder / "schemas")) == ["loan-default"]
    met, told = caplog.records
    assert met.exc_info is not None
    assert "a.yaml:1:1: a defect of Tidemill" in told.getMessage()
    assert "KeyError: 'value_set'" in told.getMessage()


def test_a_defect_of_ours_met_in_reading_one_model_refuses_it_through_every_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(value: object) -> None:
        raise OverflowError("int too large to convert to float")

    monkeypatch.setattr("tidemill.contracts.model_file.load.read_privacy", broken)
    (tmp_path / "a.yaml").write_text(WHOLE)
    (tmp_path / "b.yaml").write_text("model: [")
    for read in (lambda: load_model(tmp_path / "a.yaml"), lambda: load_models(tmp_path)):
        with pytest.raises(ConfigError, match=r"a\.yaml:1:1: a defect of Tidemill.*OverflowError"):
            read()


def test_two_files_of_one_model_hide_no_other_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(WHOLE)
    (tmp_path / "b.yaml").write_text(WHOLE)
    (tmp_path / "c.yaml").write_text("model: [")
    with pytest.raises(ConfigError, match=r"(?s)stands in two files.*b\.yaml is the second.*c\.yaml:1:9: not YAML"):
        load_models(tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, r"models: it has no \*\.yaml and no \*\.yml$"),
        ({"a.yaml": "model: ["}, r"a\.yaml:1:9: not YAML[^\n]*\n[^\n]*models: all are refused$"),
        (
            {"a.yaml": WHOLE, "b.yaml": "model: ["},
            r"b\.yaml:1:9: not YAML[^\n]*\n[^\n]*models: there are loan-default$",
        ),
    ],
)
def test_a_model_that_is_not_there_is_told_with_those_that_are(
    folder: Path, tmp_path: Path, files: dict[str, str], said: str
) -> None:
    (tmp_path / "models").mkdir()
    for name, text in files.items():
        (tmp_path / "models" / name).write_text(text)
    with pytest.raises(ConfigError, match=said):
        usable_models(tmp_path / "models", folder / "schemas", ("flight-delay",))
