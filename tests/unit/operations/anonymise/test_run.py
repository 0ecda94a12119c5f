"""A copy out of a real table: refused until every field is settled, noted, whole or none, and fit to be pushed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from tests.unit.operations.anonymise.patients import PARTS, batch, fill, platform_of, schema_of, spec_of, visit
from tidemill.codec import Codec
from tidemill.database import connect
from tidemill_cli.app import cli
from tidemill_learning.data_set.table_rows import REST, event_rows
from tidemill_operations.anonymise.choices import Choices, read_rounds, said_of_fields
from tidemill_operations.anonymise.files import WHOLE, Target
from tidemill_operations.anonymise.pseudonyms import Pseudonyms
from tidemill_operations.anonymise.report import Report
from tidemill_operations.anonymise.run import anonymise
from tidemill_operations.errors import NotPossible, WrongUse
from tidemill_operations.platform import PlatformView
from tidemill_operations.push.files.reading import read_chunks
from tidemill_operations.push.naming import roles_of
from tidemill_operations.push.records import RecordMaker, RowOptions
from tidemill_operations.references.reading import read_rows
from tidemill_trainer.collect.training_table import TrainingTable

PEOPLE = 8
SAID = Choices(fields={"note": "drop", "outcome": "keep", "ward": "keep"}, rare=3)


def rows() -> list[dict[str, Any]]:
    """Three visits of each of eight people; one ward has one of them alone, and one visit is nobody's."""
    found = [visit(n, f"Patient-{n % PEOPLE}", ward="west" if n % PEOPLE == 5 else "north") for n in range(3 * PEOPLE)]
    return [*found, visit(99, None)]


@pytest.fixture
def platform(root: Path, tmp_path: Path) -> PlatformView:
    here = platform_of(root, tmp_path)
    fill(here, rows(), ["worse" if row["ward"] == "west" else "better" for row in rows()])
    return here


@pytest.fixture(scope="module")
def empty(root: Path, tmp_path_factory: pytest.TempPathFactory) -> PlatformView:
    return platform_of(root, tmp_path_factory.mktemp("empty"))


def copied(platform: PlatformView, to: Path, choices: Choices = SAID, form: Any = "parquet", **said: Any) -> Report:
    options: dict[str, Any] = {"given_key": False, "dry_run": False, "told": lambda *_: None} | said
    return anonymise(platform, spec_of(platform), choices, Pseudonyms.forgotten(), Target(str(to), form), **options)


def acts(platform: PlatformView) -> list[dict[str, Any]]:
    engine = connect(platform.settings.database_url, reads_only=True)
    try:
        return read_rows(engine, "audit_log", ("act", "subject", "detail"))
    finally:
        engine.dispose()


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_every_row_of_a_copy_fits_the_records_that_a_push_makes_of_it(
    platform: PlatformView, tmp_path: Path, form: Any
) -> None:
    report = copied(platform, tmp_path / "copy", form=form)
    spec, schemas = spec_of(platform), platform.schemas
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == sorted(report.files)
    ids = []
    for name, labels, schema in ((f"events.{form}", False, schemas.record("visits")),
                                 (f"labels.{form}", True, schemas.label("visits"))):  # fmt: skip
        options = RowOptions(need_entity=False)
        maker = RecordMaker(Codec(schemas), schema, roles_of(spec, schemas, labels=labels), "0" * 64, options)
        chunks = list(read_chunks(tmp_path / "copy" / name, 1_000))
        assert maker.unknown_columns(chunks[0].frame.columns) == [] and not maker.lacks_id(chunks[0].frame.columns)
        made = [maker.encode(chunk, 0) for chunk in chunks]
        assert [one.errors for one in made] == [[]] * len(made)
        count = report.counts.labels if labels else report.counts.events
        assert sum(len(one.values) for one in made) == count > 0
        records = [Codec(schemas).decode_one(value, schema) for one in made for value in one.values]
        ids.append({(record["event_id" if labels else "visit"], key) for one in made
                    for record, key in zip(records, one.keys, strict=True)})  # fmt: skip
    assert ids[1] < ids[0], "labels have the ids and the keys of their events"
    assert (report.counts.events, report.counts.labels, report.counts.rare_labels) == (25, 22, 3)


def test_fields_that_may_tell_who_it_is_are_named_and_nothing_is_written_until_a_person_has_spoken(
    platform: PlatformView, tmp_path: Path
) -> None:
    with pytest.raises(WrongUse) as refused:
        copied(platform, tmp_path / "copy", Choices(rare=3))
    told = str(refused.value)
    assert "ward: 2 different values, 1 of them held by fewer than 3 entities" in told
    assert "note: 9 different values, 9 of them" in told and "outcome (labels): 2 different values" in told
    assert "room" not in told and "Patient" not in told
    assert not (tmp_path / "copy").exists() and not (tmp_path / "registry.db").exists()

    report = copied(platform, tmp_path / "copy", Choices(rare=3), dry_run=True)
    assert [one.name for one in report.asked] == ["ward", "note", "outcome (labels)"]
    assert not (tmp_path / "copy").exists() and not (tmp_path / "registry.db").exists()


def test_what_was_done_to_each_field_is_told_and_noted_without_a_name(platform: PlatformView, tmp_path: Path) -> None:
    report = copied(platform, tmp_path / "copy")
    done = {one.name: one.done for one in report.fields}
    assert done["patient"] == "hashed: it names the entity" and done["phone"].startswith("masked but for the last 2")
    assert done["surname"] == "hashed: its rule of privacy" and done["insurer"] == "dropped: its rule of privacy"
    assert (report.entities, report.nameless) == (PEOPLE, 1)
    ward = next(one for one in report.fields if one.name == "ward")
    assert (ward.values, ward.rare, ward.replaced) == (2, 1, 3)
    patient = next(one for one in report.fields if one.name == "patient")
    assert "expect_column_values_to_match_regex" in patient.note
    (act,) = acts(platform)
    assert (act["act"], act["subject"]) == ("anonymise", "visits")
    assert act["detail"]["events"] == 25 and act["detail"]["fields"]["note"] == "dropped: --drop"
    whole = (tmp_path / "copy" / WHOLE).read_text()
    assert "Patient" not in str(act) + whole and json.loads(whole)["files"][0]["rows"] == 25


def test_a_place_where_anything_is_is_refused_and_a_copy_that_broke_off_is_told_from_a_whole_one(
    platform: PlatformView, tmp_path: Path
) -> None:
    copied(platform, tmp_path / "copy")
    with pytest.raises(WrongUse, match="there is a copy"):
        copied(platform, tmp_path / "copy")
    (tmp_path / "copy" / WHOLE).unlink()
    with pytest.raises(WrongUse, match="broken off"):
        copied(platform, tmp_path / "copy")
    (tmp_path / "half" / "labels.parquet" / "in-the-way").mkdir(parents=True)
    with pytest.raises(NotPossible):
        copied(platform, tmp_path / "half")
    assert sorted(path.name for path in (tmp_path / "half").iterdir()) == ["events.parquet", "labels.parquet"]


def test_the_newest_are_copied_each_once_with_their_labels_and_all_others_are_counted(
    platform: PlatformView, tmp_path: Path
) -> None:
    spec, schema = spec_of(platform), schema_of(platform)
    table = TrainingTable((tmp_path / "tables" / "visits").as_uri(), schema, PARTS)
    again = event_rows(schema, spec, batch(rows()[-2:]), "visits-predictions", [0, 0], [0, 1], kind=REST)
    table.append(again, {("visits-predictions", 0): 2})
    choices = replace(SAID, newest=5, rare=1)
    report = copied(platform, tmp_path / "copy", choices)
    counts = report.counts
    assert (counts.events, counts.labels, counts.repeats) == (5, 5, 2)
    assert counts.events + counts.repeats + counts.older == 27 and counts.labels_of_others == 20
    since = copied(platform, tmp_path / "since", replace(choices, newest=None, since_ms=rows()[20]["seen_at"]))
    assert (since.counts.events, since.counts.older) == (5, 20)
    with pytest.raises(NotPossible, match="no such event"):
        copied(platform, tmp_path / "none", replace(choices, since_ms=rows()[-1]["seen_at"] + 1))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"fields": {"patient": "keep"}}, "hashed in any case"),
        ({"fields": {"phone": "keep"}}, "has a rule of privacy"),
        ({"fields": {"weight": "hash"}}, "only text can be hashed"),
        ({"fields": {"seen_at": "drop"}}, "--shift-times"),
        ({"fields": {"outcome": "mask"}}, "classes become one another"),
        ({"fields": {"wards": "keep"}}, "no field 'wards'"),
        ({"rounds": read_rounds(["ward=2"])}, "only numbers"),
        ({"rounds": read_rounds(["age=0.5"])}, "whole numbers"),
    ],
)
def test_a_choice_that_a_field_cannot_have_is_refused(
    empty: PlatformView, tmp_path: Path, said: dict[str, Any], why: str
) -> None:
    with pytest.raises(WrongUse, match=why):
        copied(empty, tmp_path / "copy", Choices(**said))


def test_a_model_that_has_no_table_yet_is_told_so(empty: PlatformView, tmp_path: Path) -> None:
    with pytest.raises(NotPossible, match="no training table"):
        copied(empty, tmp_path / "copy")


def test_values_that_json_has_no_word_for_are_refused_and_not_lost(tmp_path: Path) -> None:
    events, labels = (pa.table({"weight": [value]}) for value in (float("inf"), 1.0))
    with pytest.raises(NotPossible, match="say parquet"):
        Target(str(tmp_path / "copy"), "jsonl").write(events, labels, {})
    assert not (tmp_path / "copy").exists()


def test_a_choice_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(WrongUse, match="by --keep and by --drop"):
        said_of_fields({"keep": ["a"], "drop": ["a"]})
    for pair in ("a", "=1", "a=0", "a=-1", "a=x", "a=1/2", "a="):
        with pytest.raises(WrongUse, match="is not FIELD=STEP"):
            read_rounds([pair])


def test_the_command_says_what_was_done_and_what_is_not_promised(platform: PlatformView, tmp_path: Path) -> None:
    settings = platform.settings
    env = {
        **os.environ, "TIDEMILL_KAFKA_BOOTSTRAP": "127.0.0.1:9", "TIDEMILL_MODELS_DIR": str(settings.models_dir),
        "TIDEMILL_SCHEMAS": str(settings.schemas), "TIDEMILL_TABLES": settings.tables,
        "TIDEMILL_DATABASE_URL": settings.database_url,
    }  # fmt: skip
    args = ["anonymise", "--to", str(tmp_path / "copy"), "--keep", "ward", "--keep", "outcome", "--rare", "3"]
    found = CliRunner().invoke(cli, [*args, "--dry-run"], env=env)
    assert found.exit_code == 1 and "UNDECIDED" in found.output and not (tmp_path / "copy").exists()
    found = CliRunner().invoke(cli, args, env=env)
    assert found.exit_code == 2 and "note: 9 different values" in found.output
    found = CliRunner().invoke(cli, [*args, "--drop", "note", "--json"], env=env)
    assert found.exit_code == 0, found.output
    assert f"tidemill push {tmp_path}/copy/events.parquet --model visits\n" in found.stderr
    facts = json.loads(found.stdout)
    assert (facts["events"], facts["labels"], facts["files"][-1]) == (25, 22, WHOLE)
    assert "not promised: numbers and times" in found.stderr and "--no-entity" in found.stderr
    assert "3 labels of a rare class" in found.stderr and "Patient" not in found.output
