"""The model file: what is accepted, what is refused, and where an error says it is."""

from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.core.contracts.model_file.model_text import FEATURES, HEAD, MINIMAL, TARGET, at, parse, refused
from tidemill.contracts.model_file import Feature, Gate, Release, ReleaseLimits, Target, load_model, load_models
from tidemill.errors import ConfigError

FULL = """\
model: loan-default
description: Will it be paid back?
owner: loans@example.org
schema: loan-default.avsc
entity: customer
event_id: request
event_time: asked_at
target: {label: defaulted, task: binary, delay: 30d, expires: 90d}
features:
  purpose: category
  city: {category: {}}
  amount: number
  income: {number: {missing: zero}}
  age: {number: {}}
  asked_at: {time: [hour, weekday, month], zone: Europe/Vienna}
training:
  first_after: 1_000
  newest: 50_000
  split: [60, 20, 20]
  candidates: [random_forest]
  budget: 30s
  metric: log_loss
  gate: {at_least: 0.1, better_by: 0.01}
release: {mode: direct}
drift: {window: 12h, watch: [quality]}
retrain: {on: [quality], every: 7d, cooldown: 12h, at_most: 3 a day}
"""


def test_every_value_has_a_default_but_the_few_that_name_the_model() -> None:
    spec = parse(MINIMAL)
    assert (spec.name, spec.event_id, spec.expectations) == ("loan-default", "event_id", ())
    assert spec.target == Target("defaulted", "binary", timedelta(0), timedelta(days=30))
    assert spec.features == (Feature("amount", "number", missing="median"),)
    assert (spec.training.metric, spec.training.split) == ("roc_auc", (70, 15, 15))
    assert spec.training.candidates == ("logistic_regression", "random_forest", "gradient_boosting")
    assert (spec.release.mode, spec.drift.window, spec.retrain.on) == ("direct", 5_000, ("drift", "quality"))


def test_a_full_file_is_read_as_written() -> None:
    spec = parse(FULL)
    assert spec.event_id == "request"
    assert spec.target.expires == timedelta(days=90)
    assert spec.features == (
        Feature("purpose", "category"),
        Feature("city", "category"),
        Feature("amount", "number", missing="median"),
        Feature("income", "number", missing="zero"),
        Feature("age", "number", missing="median"),
        Feature("asked_at", "time", parts=("hour", "weekday", "month"), zone="Europe/Vienna"),
    )
    assert (spec.training.first_after, spec.training.newest) == (1_000, 50_000)
    assert (spec.training.budget, spec.training.gate) == (timedelta(seconds=30), Gate(0.1, 0.01))
    assert (spec.drift.window, spec.drift.watch) == (timedelta(hours=12), ("quality",))
    assert (spec.retrain.every, spec.retrain.at_most) == (timedelta(days=7), (3, timedelta(days=1)))


def test_the_metric_follows_the_task() -> None:
    assert parse(MINIMAL.replace("binary", "regression")).training.metric == "rmse"
    error = refused(MINIMAL.replace("binary", "regression") + "training: {metric: roc_auc}\n")
    assert error.message == "`training.metric` must be one of rmse, mae, r2"


def test_a_spec_can_be_hashed_and_sent_to_another_process() -> None:
    spec = parse(FULL)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert len({spec, parse(FULL)}) == 1


@pytest.mark.parametrize("key", ["model", "schema", "entity", "event_time", "target", "features"])
def test_a_missing_key_is_named(key: str) -> None:
    lines = [line for line in MINIMAL.splitlines() if not line.startswith((f"{key}:", "  ")) or key != "features"]
    text = "\n".join(line for line in lines if not line.startswith(f"{key}:"))
    assert refused(text).message == f"`{key}` is missing"


def test_an_unknown_key_is_an_error_with_place_and_nearest_known_key() -> None:
    error = refused(HEAD + "target:\n  label: defaulted\n  task: binary\n  expirs: 3d\n" + FEATURES)
    assert at(error) == (8, 3)
    assert str(error) == "loan-default.yaml:8:3: unknown key 'expirs' in target: did you mean 'expires'?"


def test_an_unknown_key_that_is_near_to_none_lists_the_known_ones() -> None:
    error = refused(MINIMAL + "release: {zzz: 1}\n")
    known = "known are mode, stages, hold, approval, labels, limits"
    assert (error.message, error.suggestion) == ("unknown key 'zzz' in release", known)


def test_a_release_has_a_mode_stages_a_hold_approval_labels_and_limits() -> None:
    text = (
        "release: {mode: canary, stages: [1%, 25%, 100%], hold: 90s, approval: true, labels: 2_000, "
        "limits: {errors: 0.5%, p95: 50ms, shift: 20%}}\n"
    )
    release = parse(MINIMAL + text).release
    assert (release.mode, release.stages, release.hold) == ("canary", (0.01, 0.25, 1.0), timedelta(seconds=90))
    assert (release.approval, release.labels) == (True, 2_000)
    assert release.limits == ReleaseLimits(0.005, timedelta(milliseconds=50), 0.2)


@pytest.mark.parametrize("mode", ["direct", "shadow", "canary", "blue_green", "ab"])
def test_every_mode_has_defaults_for_the_rest(mode: str) -> None:
    assert parse(MINIMAL + f"release: {{mode: {mode}}}\n").release == Release(mode=mode)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{mode: canary, stages: [50%, 5%]}", "must be rising percentages"),
        ("{mode: canary, stages: [0%, 5%]}", "must be rising percentages"),
        ("{mode: canary, stages: [0.05]}", "is not a percentage"),
        ("{mode: canary, stages: [500%]}", "is not a percentage"),
        ("{mode: shadow, stages: [5%]}", "belong to canary and ab"),
        ("{mode: ab, stages: [5%, 50%]}", "must be one percentage below 100%"),
        ("{mode: ab, stages: [100%]}", "must be one percentage below 100%"),
        ("{approval: sometimes}", "must be true or false"),
        ("{limits: {errors: 0%}}", "must be a percentage between"),
        ("{limits: {p95: fast}}", "is not a duration"),
        ("{mode: sudden}", "must be one of direct, shadow, canary, blue_green, ab"),
    ],
)
def test_a_release_that_makes_no_sense_is_refused_at_its_place(text: str, message: str) -> None:
    error = refused(MINIMAL + f"release: {text}\n")
    assert message in error.message and error.line == 8


def test_a_key_that_stands_twice_is_an_error_at_the_second() -> None:
    error = refused(MINIMAL + "  rate: number\n  amount: category\n")
    assert (at(error), error.message) == ((9, 3), "`features.amount` stands twice")


def test_on_and_no_are_words_and_not_booleans() -> None:
    spec = parse(MINIMAL + "retrain:\n  on: [quality]\nowner: no\n")
    assert (spec.retrain.on, spec.owner) == (("quality",), "no")


@pytest.mark.parametrize(("word", "unique"), [("on", True), ("off", False), ("true", True), ("false", False)])
def test_whether_event_ids_are_unique_is_a_word(word: str, unique: bool) -> None:
    assert parse(MINIMAL).unique
    assert parse(MINIMAL + f"unique: {word}\n").unique is unique


def test_unique_off_and_an_expectation_that_wants_it_contradict_each_other() -> None:
    rule = "expectations:\n  - expect_column_values_to_be_unique: {column: event_id, within: 2d}\n"
    error = refused(MINIMAL + rule + "unique: off\n")
    assert error.message == "`unique: off`, and an expectation wants event_id unique: which one holds?"
    assert not parse(MINIMAL + rule.replace("event_id", "amount") + "unique: off\n").unique


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unique: 2d", "`unique` must be on or off; a window of its own"),
        ("training: {first_after: 0}", "`training.first_after` must be a whole number of at least 1"),
        ("training: {first_after: 1.5}", "`training.first_after` must be a whole number"),
        ("training: {first_after: true}", "`training.first_after` must be a whole number"),
        ("training: {newest: many}", "`training.newest` must be a whole number"),
        ("training: {split: [70, 20, 20]}", "`training.split` must be three whole percentages"),
        ("training: {split: [70, 30]}", "`training.split` must be three whole percentages"),
        ("training: {split: 70}", "`training.split` must be a list"),
        ("training: {candidates: []}", "`training.candidates` must be a list with at least one"),
        ("training: {candidates: [xgboost]}", "`training.candidates[0]` must be one of"),
        ("training: {candidates: [random_forest, random_forest]}", "'random_forest' stands twice"),
        ("training: {budget: 60}", "`training.budget`: 60 is not a duration"),
        ("training: {seed: 1}", "unknown key 'seed' in training"),
        ("training: {gate: 0.6}", "`training.gate` must be a mapping"),
        ("training: {gate: {at_least: high}}", "`training.gate.at_least` must be a number"),
        ("training: {gate: {at_least: .inf}}", "`training.gate.at_least` must be a number"),
        ("training: [metric]", "`training` must be a mapping"),
        ("drift: {window: 0}", "`drift.window` must be a whole number"),
        ("drift: {window: soon}", "`drift.window`: 'soon' is not a duration"),
        ("drift: {watch: [feature]}", "`drift.watch[0]` must be one of features, predictions, quality"),
        ("retrain: {at_most: 3 a fortnight}", "`retrain.at_most`: '3 a fortnight' is not a rate"),
        ("retrain: {on: drift}", "`retrain.on` must be a list"),
        ("owner: ''", "`owner` must be text"),
        ("owner: [a]", "`owner` must be one value"),
        ("event_id: 3", "`event_id` must be text"),
        ("expectations: {}", "`expectations` must be a list"),
        ("? [a, b]\n: 1", "a key must be plain text"),
        ("<<: {owner: a}", "unknown key '<<'"),
        ("owner: !!python/name:os.system ''", "`owner` must be a plain value"),
        ("training: {first_after: !!int many}", "`training.first_after` must be a value that fits its tag"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_what_is_expected(text: str, message: str) -> None:
    error = refused(MINIMAL + text + "\n")
    assert message in error.message
    assert error.line >= 8


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("amount: text", "`features.amount` must be one of category, number, time"),
        ("amount: {number: {missing: mean}}", "`features.amount.number.missing` must be one of median, zero"),
        ("amount: {number: {}, category: {}}", "`features.amount` must be one kind"),
        ("amount: {zone: UTC}", "`features.amount` must be one kind"),
        ("amount: {number: {}, zone: UTC}", "`features.amount.zone` belongs to time features only"),
        ("amount: {category: {missing: zero}}", "unknown key 'missing'"),
        ("at: time", "needs its parts and its zone"),
        ("at: {time: [hour]}", "`features.at.zone` is missing"),
        ("at: {time: [], zone: UTC}", "`features.at.time` must be a list with at least one"),
        ("at: {time: [minute], zone: UTC}", "`features.at.time[0]` must be one of hour, weekday, month"),
        ("at: {time: [hour], zone: Mars/Olympus}", "'Mars/Olympus' is no time zone"),
        ("at: {time: [hour], zone: ../etc}", "'../etc' is no time zone"),
    ],
)
def test_a_wrong_feature_is_an_error_that_names_it(feature: str, message: str) -> None:
    error = refused(HEAD + TARGET + f"features:\n  {feature}\n")
    assert message in error.message
    assert error.line == 7


def test_a_feature_may_not_have_the_name_of_a_part_of_a_time() -> None:
    text = HEAD + TARGET + "features:\n  at_hour: number\n  at: {time: [hour], zone: UTC}\n"
    error = refused(text)
    assert (at(error), error.message) == ((7, 3), "`features.at_hour` is what `at` gives already")


def test_a_model_without_features_is_refused() -> None:
    assert "at least one feature" in refused(HEAD + TARGET + "features: {}\n").message


@pytest.mark.parametrize("name", ["Loan", "loan_default", "-loan", "loan--x", "9loans", "a" * 101, "loan.raw"])
def test_a_model_name_that_no_topic_can_have_is_refused(name: str) -> None:
    assert "lower-case letters" in refused(MINIMAL.replace("loan-default\n", f"{name}\n", 1)).message


@pytest.mark.parametrize("name", ["../secret.avsc", "loan.json", "/etc/x.avsc"])
def test_a_schema_is_a_file_of_its_folder(name: str) -> None:
    assert "schemas/models/" in refused(MINIMAL.replace("loan-default.avsc", name)).message


def test_a_label_may_not_expire_before_it_usually_comes() -> None:
    text = HEAD + "target: {label: defaulted, task: binary, delay: 3d, expires: 3d}\n" + FEATURES
    assert "must be longer than `target.delay`" in refused(text).message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("model: [", (1, 9)),
        ("model: a\n  b: c", (2, 4)),
        ("", (1, 1)),
        ("\x00", (1, 1)),
        ("a: 1\n---\nb: 2", (2, 1)),
    ],
)
def test_what_is_not_one_yaml_document_is_an_error_with_a_place(text: str, place: tuple[int, int]) -> None:
    assert at(refused(text)) == place


def test_a_list_is_no_model_file() -> None:
    assert refused("- a").message == "a model file must be a mapping (`key: value`)"


def test_a_folder_gives_its_models_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(MINIMAL)
    (tmp_path / "b.yml").write_text(MINIMAL.replace("loan-default\n", "fraud\n"))
    (tmp_path / "README.md").write_text("models")
    assert list(load_models(tmp_path)) == ["loan-default", "fraud"]
    assert list(load_models(tmp_path, only=["fraud"])) == ["fraud"]
    with pytest.raises(ConfigError, match=r"no model file for churn.*there are loan-default, fraud"):
        load_models(tmp_path, only=["churn"])
    (tmp_path / "c.yaml").write_text(MINIMAL)
    with pytest.raises(ConfigError, match=r"stands in two files.*c\.yaml"):
        load_models(tmp_path)


def test_a_file_or_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_model(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="no folder"):
        load_models(tmp_path / "none")
