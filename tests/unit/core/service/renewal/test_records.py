"""Record schemas that change while records of the old and of the new are on their way."""

from __future__ import annotations

import pytest

from tests.unit.core.service.renewal.project import FIELDS, Project, document
from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import make_schema
from tidemill.errors import RetryLater
from tidemill.service.renewal.watch import ContractWatch

MORE = {"name": "items", "type": ["null", "long"], "default": None}


def test_a_record_that_cannot_read_what_is_in_flight_is_refused_and_one_that_can_is_taken_up(project: Project) -> None:
    project.record("fine", [*FIELDS[:3], {"name": "amount", "type": "double"}, {"name": "must", "type": "string"}])
    project.look()
    assert project.told == []
    assert "records in flight would not be readable" in project.mistakes[0]
    project.record("fine", [*FIELDS, MORE])
    project.look()
    assert (project.told, project.mistakes) == (["changed fine"], [])


def test_who_works_by_the_old_contract_reads_records_of_the_new_as_soon_as_it_is_known(project: Project) -> None:
    """The fingerprint says which schema a record was written with, whoever takes up what first."""
    old, new = project.watch.contract.schemas, make_schema("fine", document([*FIELDS, MORE]))
    codec, value = Codec(old), _written(new)
    assert codec.decode([value], old.record("fine")).bad[0].error_class == "UnknownSchema"
    project.record("fine", [*FIELDS, MORE])
    project.watch = ContractWatch(project.watch.contract, lambda change: None)
    with pytest.raises(RetryLater, match="changed model files lie there"):
        Codec(old).decode([value], old.record("fine"))
    project.look()
    assert Codec(old).decode([value], old.record("fine")).rows.column("amount").to_pylist() == [2.5]


def test_a_schema_that_no_file_has_is_not_waited_for_where_the_files_are_refused(project: Project) -> None:
    project.spoil("amount: number", "amont: number")
    project.look()
    schemas = project.watch.contract.schemas
    foreign = _written(make_schema("fine", document([*FIELDS, MORE])))
    assert Codec(schemas).decode([foreign], schemas.record("fine")).bad[0].error_class == "UnknownSchema"


def _written(schema: object) -> bytes:
    class Nothing:
        coming = staticmethod(lambda: False)

    codec = Codec(Nothing())  # type: ignore[arg-type]
    datum = {"event_id": "e", "at": 0, "who": "w", "amount": 2.5, "items": None}
    return codec.encode_one(datum, schema)  # type: ignore[arg-type]
