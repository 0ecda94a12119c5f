"""Files of a new model: nothing that is there is replaced unasked, and no record that was sent becomes unreadable."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.schemas.history import check_history, record_history, unsent
from tidemill_operations.errors import NotPossible
from tidemill_operations.modelling.files.writing import write_model
from tidemill_operations.modelling.new_model import NewModel

FILE = """\
model: loans
schema: loans.avsc
entity: customer
event_time: at
target: {label: defaulted, task: binary}
features: {amount: number}
"""
TIME = {"type": "long", "logicalType": "timestamp-millis"}


def loans(**types: str) -> NewModel:
    fields = [{"name": "event_id", "type": "string"}, {"name": "at", "type": TIME}]
    fields += [{"name": name, "type": ["null", kind], "default": None} for name, kind in types.items()]
    record = {"type": "record", "name": "Loans", "fields": fields}
    return NewModel("loans", FILE, json.dumps(record), (), ())


FIRST, OTHER = loans(customer="string", amount="double"), loans(customer="string", amount="long")


def write(folder: Path, new: NewModel, *, force: bool = False) -> list[Path]:
    return write_model(new, folder / "models", folder / "schemas", force=force)


def test_what_was_written_fits_and_is_read(tmp_path: Path) -> None:
    file, record, history = write(tmp_path, FIRST)
    models = load_models(tmp_path / "models")
    assert check_history(tmp_path / "schemas", models) == []
    assert SchemaCatalog.load(tmp_path / "schemas", models).record("loans").field_names[-1] == "amount"
    assert (file.name, record.name) == ("loans.yaml", "loans.avsc")
    assert unsent(tmp_path / "schemas", "loans") == {history.stem}


def test_nothing_is_replaced_unless_it_is_said(tmp_path: Path) -> None:
    file, *_ = write(tmp_path, FIRST)
    file.write_text(FILE + "# mine\n")
    with pytest.raises(NotPossible, match="already there; --force"):
        write(tmp_path, FIRST)
    assert file.read_text().endswith("# mine\n")


def test_a_name_that_another_file_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "other.yaml").write_text(FILE)
    with pytest.raises(NotPossible, match=r"other\.yaml has a model 'loans' already: say --name"):
        write(tmp_path, FIRST)


def test_what_no_record_was_sent_with_is_forgotten(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    *_, history = write(tmp_path, OTHER, force=True)
    assert [path.name for path in history.parent.glob("*.avsc")] == [history.name]
    assert check_history(tmp_path / "schemas", load_models(tmp_path / "models")) == []


def test_what_was_recorded_for_good_binds(tmp_path: Path) -> None:
    file, record, history = write(tmp_path, FIRST)
    record_history(tmp_path / "schemas", load_models(tmp_path / "models"))
    assert unsent(tmp_path / "schemas", "loans") == frozenset()
    with pytest.raises(NotPossible, match="could not be read any more; nothing is written"):
        write(tmp_path, OTHER, force=True)
    assert record.read_text() == FIRST.record and history.exists()
    assert file.read_text() == FILE


def test_a_draft_that_was_changed_by_hand_is_recorded_as_it_is_now(tmp_path: Path) -> None:
    _, record, draft = write(tmp_path, FIRST)
    record.write_text(OTHER.record)
    models = load_models(tmp_path / "models")
    assert check_history(tmp_path / "schemas", models) == []
    (kept,) = record_history(tmp_path / "schemas", models)
    assert not draft.exists() and kept.exists()


def test_a_model_of_another_task_may_take_the_place_of_a_draft(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    text = FILE.replace("binary", "regression")
    write(tmp_path, replace(OTHER, model_file=text), force=True)
    assert load_models(tmp_path / "models")["loans"].target.task == "regression"
