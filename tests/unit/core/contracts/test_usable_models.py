"""A folder of model files of which some are wrong: these are refused by name, the others are served."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill.contracts.model_file.load import load_model
from tidemill.contracts.schemas.history import record_history
from tidemill.contracts.usable import build_each, naming, serve_usable, usable_models
from tidemill.errors import ConfigError

TEXT = """
model: %s
schema: %s.avsc
entity: who
event_time: at
target: {label: bad, task: binary}
features: {amount: number, online: number}
"""
FIELDS: list[dict[str, Any]] = [
    {"name": "event_id", "type": "string"},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "who", "type": "string"}, {"name": "amount", "type": "double"}, {"name": "online", "type": "boolean"},
]  # fmt: skip


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two models that are right: fine and other."""
    (tmp_path / "schemas" / "models").mkdir(parents=True)
    (tmp_path / "models").mkdir()
    for name in ("fine", "other"):
        add(tmp_path / "models", name)
    return tmp_path / "models"


def add(models: Path, name: str, fields: list[dict[str, Any]] | None = None, text: str = TEXT) -> None:
    (models / f"{name}.yaml").write_text(text % (name, name) if "%s" in text else text)
    document = {"type": "record", "name": "R", "namespace": "com.acme.models", "fields": fields or FIELDS}
    (models.parent / "schemas" / "models" / f"{name}.avsc").write_text(json.dumps(document, indent=1))


def spoil(models: Path) -> None:
    add(models, "cut", text="model: [")
    add(models, "deep", text="model: " + "[" * 10_000)
    add(models, "misfit", [f for f in FIELDS if f["name"] != "amount"])
    add(models, "renamed", [{**f, "name": "order_id"} if f["name"] == "event_id" else f for f in FIELDS])
    add(models, "unknown", [{**f, "type": "decimal"} if f["name"] == "amount" else f for f in FIELDS])


def test_what_is_wrong_is_refused_with_its_place_and_the_rest_is_served(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(models)
    found, refused = usable_models(models, models.parent / "schemas")

    assert sorted(found) == ["fine", "other"]
    told = [str(error).replace(f"{models.parent}/", "") for error in refused]
    assert len(told) == 5
    assert told[0].startswith("models/cut.yaml:1:9: not YAML")
    assert told[1].startswith("models/deep.yaml:1:39: not YAML: nested more than")
    assert told[2].startswith("models/misfit.yaml:7:12: misfit.avsc has no field 'amount'")
    assert told[3].startswith("models/renamed.yaml:1:1: renamed.avsc has no field 'event_id'")
    assert "add `event_id: order_id`" in told[3]
    assert told[4].startswith("schemas/models/unknown.avsc:")
    assert "unknown type 'decimal': a logical type stands beside its type" in told[4]
    assert "models/unknown.yaml" in told[4]

    with caplog.at_level(logging.ERROR):
        assert sorted(serve_usable(models, models.parent / "schemas")) == ["fine", "other"]
    assert len(caplog.records) == 5


def test_the_line_of_an_unknown_type_is_told(models: Path) -> None:
    spoil(models)
    text = (models.parent / "schemas" / "models" / "unknown.avsc").read_text()
    line = text[: text.index('"decimal"')].count("\n") + 1
    refused = [str(e) for e in usable_models(models, models.parent / "schemas")[1]]
    assert any(f"unknown.avsc:{line}:" in one for one in refused)


def test_a_model_that_is_asked_for_and_wrong_ends_it_with_everything_that_is_wrong(models: Path) -> None:
    spoil(models)
    with pytest.raises(ConfigError, match=r"(?s)no field 'amount'.*no usable model file for misfit"):
        usable_models(models, models.parent / "schemas", ["fine", "misfit"])
    for name in ("fine", "other"):
        (models / f"{name}.yaml").unlink()
    with pytest.raises(ConfigError, match=r"(?s)cut.*deep.*misfit.*renamed.*unknown"):
        usable_models(models, models.parent / "schemas")


def test_all_files_that_are_wrong_are_told_at_once(models: Path) -> None:
    spoil(models)
    with pytest.raises(ConfigError, match=r"(?s)cut\.yaml:1:9.*\n.*deep\.yaml:1:39"):
        load_models(models)


def test_a_schema_that_its_model_cannot_use_is_not_recorded(models: Path) -> None:
    add(models, "misfit", [f for f in FIELDS if f["name"] != "amount"])
    schemas, specs = models.parent / "schemas", load_models(models)
    with pytest.raises(ConfigError, match=r"misfit\.yaml:7:12: misfit\.avsc has no field 'amount'"):
        record_history(schemas, specs)
    assert not (schemas / "models" / "history").exists()
    del specs["misfit"]
    assert len(record_history(schemas, specs)) == 2


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("expect_column_values_to_be_positive", "min_value: 0, strict_min: true"),
        ("expect_column_values_to_be_non_negative", "min_value: 0}"),
        ("expect_column_values_to_be_greater_than", "min_value: NUMBER, strict_min: true"),
        ("expect_column_values_to_be_betwen", "did you mean 'expect_column_values_to_be_between'?"),
    ],
)
def test_a_rule_in_other_words_is_told_in_this_vocabularys(models: Path, rule: str, said: str) -> None:
    text = TEXT % ("fine", "fine") + f"expectations: [{{{rule}: {{column: amount}}}}]\n"
    (models / "fine.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_model(models / "fine.yaml")
    assert said in str(refused.value)
    assert "of_type" not in str(refused.value)


def test_what_must_be_one_of_some_is_told_once(models: Path) -> None:
    (models / "fine.yaml").write_text((TEXT % ("fine", "fine")).replace("task: binary", "task: ordinal"))
    with pytest.raises(ConfigError) as refused:
        load_model(models / "fine.yaml")
    assert str(refused.value).count("multiclass") == 1


def test_what_cannot_be_built_for_a_model_names_its_file(models: Path) -> None:
    spec = load_model(models / "fine.yaml")
    with pytest.raises(ConfigError, match=r"fine\.yaml: model 'fine': a rule that is not for this"), naming(spec):
        raise ConfigError("a rule that is not for this")


def test_a_model_that_cannot_be_built_is_left_out_by_name_and_the_others_are_built(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    specs = serve_usable(models, models.parent / "schemas")

    def build(spec: ModelSpec) -> str:
        if spec.name == "fine":
            raise IndexError("a defect of ours")
        return spec.name.upper()

    with caplog.at_level(logging.ERROR):
        assert build_each(specs.values(), build) == {"other": "OTHER"}
    assert "model 'fine' is left out: IndexError: a defect of ours" in caplog.text
    assert REGISTRY.get_sample_value("tidemill_model_left_out", {"model": "fine"}) == 1
    assert REGISTRY.get_sample_value("tidemill_model_left_out", {"model": "other"}) == 0
    with pytest.raises(ConfigError, match="model 'fine' is left out"):
        build_each([specs["fine"]], build)
