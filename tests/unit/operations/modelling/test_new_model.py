"""A model file from a sample: each role, type and feature is told from the rows, or asked for by its option."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tidemill.contracts.model_file.load import parse_model
from tidemill.contracts.model_file.spec import ModelSpec
from tidemill_operations.errors import WrongUse
from tidemill_operations.modelling.new_model import NewModel, model_name, new_model
from tidemill_operations.modelling.roles import Asked
from tidemill_operations.push.files.choices import Choices

ROWS = 300
Row = Callable[[int], list[str]]


def label(i: int) -> str:
    return "yes" if i * 7919 % 11 < 3 else "no"


def made(folder: Path, names: list[str], row: Row, *, mark: str = ",", **asked: str) -> NewModel:
    lines = [mark.join(names), *(mark.join(row(i)) for i in range(ROWS))]
    path = folder / "events.csv"
    path.write_text("\n".join(lines) + "\n")
    return new_model(path, Asked(**{"label": "y", **asked}), "events", Choices())


def spec_of(new: NewModel) -> ModelSpec:
    return parse_model(Path("events.yaml"), new.model_file)


def kinds(new: NewModel) -> dict[str, str]:
    return {feature.name: feature.kind for feature in spec_of(new).features}


def types(new: NewModel) -> dict[str, object]:
    found = {field["name"]: field["type"] for field in json.loads(new.record)["fields"]}
    return {name: kind[1] if isinstance(kind, list) else kind for name, kind in found.items()}


def at(i: int) -> str:
    return f"2026-11-{1 + i // 60:02}T10:{i % 60:02}:00Z"


def order(i: int) -> list[str]:
    return [
        f"o{i}",
        at(i),
        f"c{i % 40}",
        f"{i * 37 % 101}.5",
        str(i % 9),
        "abc"[i % 3],
        "true" if i % 2 else "false",
        label(i),
    ]


ORDER = ["order_id", "placed_at", "customer", "amount", "items", "channel", "gift", "y"]


def test_a_usual_file_needs_no_more_than_its_label(tmp_path: Path) -> None:
    new = made(tmp_path, ORDER, order)
    spec = spec_of(new)
    assert (spec.event_id, spec.event_time, spec.entity) == ("order_id", "placed_at", "customer")
    assert (spec.target.label, spec.target.task) == ("y", "binary")
    assert kinds(new) == {
        "placed_at": "time", "amount": "number", "items": "number", "channel": "category", "gift": "number",
    }  # fmt: skip
    time = {"type": "long", "logicalType": "timestamp-millis"}
    assert types(new) == {
        "order_id": "string", "placed_at": time, "customer": "string", "amount": "double", "items": "long",
        "channel": "string", "gift": "boolean",
    }  # fmt: skip
    assert (new.push, new.notes) == ((), ())


def test_every_guess_has_its_reason(tmp_path: Path) -> None:
    lines = made(tmp_path, ORDER, order).model_file.splitlines()
    for number, line in enumerate(lines):
        if line.strip().startswith(
            ("entity", "event", "label", "task", "amount", "items", "- expect", "first", "window")
        ):
            assert "#" in line or lines[number - 1].strip().startswith("#"), line


def test_the_sample_meets_the_expectations_that_are_written(tmp_path: Path) -> None:
    rules = {(rule.name, rule.column): rule for rule in spec_of(made(tmp_path, ORDER, order)).expectations}
    between = rules["expect_column_values_to_be_between", "amount"].kwargs
    assert between["min_value"] == 0 and between["max_value"] >= 100.5 * 1.5
    among = rules["expect_column_values_to_be_in_set", "channel"]
    assert (among.kwargs["value_set"], among.severity) == (("a", "b", "c"), "warning")
    assert ("expect_column_values_to_not_be_null", "customer") in rules
    assert ("expect_column_values_to_be_unique", "order_id") in rules


def test_a_semicolon_decimal_commas_and_days_of_other_orders_are_read_and_handed_to_push(tmp_path: Path) -> None:
    names = ["Order ID", "Ordered At", "Kunde", "Betrag", "PLZ", "Is Fraud?"]
    new = made(
        tmp_path, names, mark=";", label="Is Fraud?", entity="Kunde",
        row=lambda i: [
            f"{i}", f"{1 + i % 28:02}.11.2026 10:{i % 60:02}", f"k{i % 20}", f"{i % 97},5", f"0{i % 9}123", label(i),
        ],
    )  # fmt: skip
    assert types(new)["Betrag"] == "double"
    assert types(new)["PLZ"] == "string"  # a number would lose the zero
    assert new.push == (
        "--delimiter", ";", "--date-format", "%d.%m.%Y %H:%M", "--timezone", "UTC", "--decimal-comma",
        "--map", "Order ID=order_id", "--map", "Ordered At=ordered_at", "--map", "Is Fraud?=is_fraud",
    )  # fmt: skip
    assert any("'Is Fraud?' is is_fraud" in note for note in new.notes)
    assert any("taken as UTC: --timezone says otherwise" in note for note in new.notes)


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        (lambda i: str(1_761_955_200 + i), ("--time-unit", "s")),
        (lambda i: str(1_761_955_200_000 + i), ()),
        (lambda i: f"202611{1 + i % 28:02}", ("--date-format", "%Y%m%d", "--timezone", "UTC")),
        (lambda i: f"2026-11-01 10:{i % 60:02}", ("--timezone", "UTC")),
    ],
)
def test_times_of_other_forms_are_told_from_all_their_rows(
    tmp_path: Path, cell: Callable[[int], str], options: tuple[str, ...]
) -> None:
    new = made(
        tmp_path, ["id", "ts", "user", "v", "y"], lambda i: [f"e{i}", cell(i), f"u{i % 9}", str(i % 7), label(i)]
    )
    assert (spec_of(new).event_time, new.push) == ("ts", options)


def test_days_and_months_that_cannot_be_told_apart_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="Every row fits both: say --date-format"):
        made(tmp_path, ["id", "day", "user", "v", "y"],
             lambda i: [f"e{i}", f"{1 + i % 12}/{1 + i % 11}/2026", f"u{i % 9}", str(i % 7), label(i)])  # fmt: skip


def test_what_knows_the_label_or_comes_afterwards_is_no_feature_and_is_told(tmp_path: Path) -> None:
    def row(i: int) -> list[str]:
        bad = label(i) == "yes"
        later = f"2026-11-{2 + i // 60:02}T10:00:00Z"
        return [
            f"e{i}",
            at(i),
            f"u{i % 9}",
            str(i * 37 % 101),
            "5" if bad else "",
            later,
            str(20 + i % 7 if bad else i % 7),
            label(i),
        ]

    names = ["id", "at", "user", "v", "refund", "closed_at", "late_by", "y"]
    new = made(tmp_path, names, row, event_time="at")
    assert kinds(new).keys() == {"at", "v"}
    told = " ".join(new.notes)
    assert "refund is no feature" in told and "late_by is no feature" in told
    assert "closed_at: times after the event: known only afterwards" in new.model_file


def test_where_all_that_is_left_knows_the_label_it_is_kept_and_told(tmp_path: Path) -> None:
    def row(i: int) -> list[str]:
        return [f"e{i}", "2026-11-01T00:00:00Z", f"u{i % 9}", str(2 * i), "yes" if i > 150 else "no"]

    new = made(tmp_path, ["id", "day", "user", "v", "y"], row)
    assert kinds(new) == {"v": "number"}
    assert any("v is a feature, though its numbers tell the labels apart" in note for note in new.notes)


def test_a_file_without_a_feature_is_refused_with_why_of_each_column(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"no column of events\.csv is a feature.*v: the same everywhere"):
        made(tmp_path, ["id", "day", "user", "v", "y"], lambda i: [f"e{i}", "2026-11-01", f"u{i % 9}", "1", label(i)])


def test_ids_long_numbers_constants_and_free_text_are_no_features(tmp_path: Path) -> None:
    names = ["Unnamed: 0", "id", "at", "user", "iban_id", "hash", "same", "text", "v", "y"]
    new = made(
        tmp_path, names,
        lambda i: [
            str(i), f"e{i}", at(i), f"u{i % 9}", str(10**17 + i), str(2**53 + i), "1", f"t{i}", str(i % 7), label(i),
        ],
    )  # fmt: skip
    assert kinds(new).keys() == {"at", "v"}
    assert types(new)["iban_id"] == "long"


@pytest.mark.parametrize(
    ("value", "task"),
    [
        (lambda i: str(i * 7919 % 11 % 2), "binary"),
        (lambda i: "NY"[i % 2], "binary"),
        (lambda i: ["stayed", "left"][i * 7919 % 11 % 2], "multiclass"),
        (lambda i: ["low", "mid", "high"][i * 7919 % 11 % 3], "multiclass"),
        (lambda i: str(1 + i * 7919 % 11 % 5), "multiclass"),
        (lambda i: f"{i * 7919 % 101 / 7:.3f}", "regression"),
        (lambda i: str(i * 7919 % 997), "regression"),
    ],
)
def test_the_label_says_its_task(tmp_path: Path, value: Callable[[int], str], task: str) -> None:
    names = ["id", "at", "user", "v", "y"]
    new = made(tmp_path, names, lambda i: [f"e{i}", at(i), f"u{i % 9}", str(i % 7), value(i)])
    assert spec_of(new).target.task == task


def test_a_task_that_is_asked_for_holds_where_the_label_fits_it(tmp_path: Path) -> None:
    names = ["id", "at", "user", "v", "y"]

    def row(i: int) -> list[str]:
        return [f"e{i}", at(i), f"u{i % 9}", str(i % 7), str(1 + i * 7919 % 11 % 5)]

    assert spec_of(made(tmp_path, names, row, task="regression")).target.task == "regression"
    with pytest.raises(WrongUse, match=r"'y' does not fit the task binary: line \d+ .*write true and false"):
        made(tmp_path, names, row, task="binary")


@pytest.mark.parametrize(
    ("names", "asked", "said"),
    [
        (["id", "at", "user", "v", "y"], {"label": "z"}, "--label: the file has no column 'z'"),
        (
            ["id", "at", "user", "v", "y"],
            {"entity": "usr"},
            "--entity: the file has no column 'usr': did you mean 'user'",
        ),
        (["id", "x", "user", "v", "y"], {"event_time": "v"}, "'v' does not hold times: line"),
        (["id", "at", "customer_id", "shop_id", "y"], {}, "whose events are they: customer_id, shop_id.*--entity"),
    ],
)
def test_what_cannot_be_told_is_asked_for_by_its_option(
    tmp_path: Path, names: list[str], asked: dict[str, str], said: str
) -> None:
    with pytest.raises(WrongUse, match=said):
        made(tmp_path, names, lambda i: [f"e{i}", at(i), f"u{i % 9}", f"s{i % 7}", label(i)], **asked)


def test_a_label_of_one_value_teaches_nothing_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="holds only True: there is nothing to learn from it"):
        made(tmp_path, ["id", "at", "user", "v", "y"], lambda i: [f"e{i}", at(i), f"u{i % 9}", str(i % 7), "yes"])


def test_a_file_without_ids_owners_or_times_gets_them_by_push(tmp_path: Path) -> None:
    new = made(
        tmp_path, ["v", "w", "y"], lambda i: [str(i % 7), str(i % 5), label(i)], event_time="2024-01-01T00:00:00Z/10m"
    )
    assert new.push == ("--event-time", "2024-01-01T00:00:00Z/10m", "--make-ids")
    spec = spec_of(new)
    assert (spec.event_id, spec.entity, spec.event_time) == ("event_id", "event_id", "event_time")


def test_names_that_yaml_takes_for_other_things_stay_names(tmp_path: Path) -> None:
    names = ["id", "at", "user", "no", "null", "on", "label", "y"]
    new = made(
        tmp_path,
        names,
        lambda i: [f"e{i}", at(i), f"u{i % 9}", str(i % 7), str(i % 5), str(i % 3), str(i % 4), label(i)],
    )
    assert {"no", "null", "on", "label"} <= kinds(new).keys()


def test_names_that_become_the_same_stay_apart(tmp_path: Path) -> None:
    names = ["a b", "a_b", "a-b", "at", "y"]
    new = made(tmp_path, names, lambda i: [str(i % 3), str(i % 4), str(i % 5), at(i), label(i)])
    assert {"a_b", "a_b_2", "a_b_3"} <= kinds(new).keys()


def test_when_labels_are_known_is_told_from_the_column_that_says_it(tmp_path: Path) -> None:
    names = ["id", "at", "user", "v", "observed_at", "y"]
    new = made(
        tmp_path, names, lambda i: [f"e{i}", at(i), f"u{i % 9}", str(i % 7), at(i).replace("T10", "T13"), label(i)]
    )
    assert spec_of(new).target.delay.total_seconds() == 3 * 3600
    assert "observed_at" not in types(new)


def test_json_lines_keep_the_types_that_they_have(tmp_path: Path) -> None:
    rows = [
        {"id": i, "at": at(i), "user": i % 9, "v": i % 7 if i % 4 else None, "n": {"a": 1}, "y": i * 7919 % 11 < 3}
        for i in range(ROWS)
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    new = new_model(path, Asked(label="y"), "events", Choices())
    assert kinds(new) == {"at": "time", "v": "number"}
    assert any("n is left out" in note for note in new.notes)
    assert new.push == ()


@pytest.mark.parametrize(
    ("text", "name"), [("Loans 2024", "loans-2024"), ("2024", "model-2024"), ("--", "model"), ("a__b", "a-b")]
)
def test_a_files_name_becomes_a_models(text: str, name: str) -> None:
    assert model_name(text) == name
