"""By which schema bytes were written is told from their first bytes alone."""

from __future__ import annotations

from tests.contract.contract import catalog
from tidemill_operations.explain.written import writer_of


def test_the_three_forms_are_told_apart() -> None:
    schemas = catalog()
    now = schemas.record("flight-delay")
    single = b"\xc3\x01" + now.fingerprint + b"rest"
    assert writer_of(single, schemas, now) == f"flight-delay, as it is now, fingerprint {now.fingerprint.hex()}"
    strange = b"\xc3\x01" + bytes(8) + b"rest"
    assert writer_of(strange, schemas, now) == "flight-delay, not known here, fingerprint 0000000000000000"
    assert writer_of(b"\x00\x00\x00\x00\x07rest", schemas, now) == "flight-delay, id 7 of the schema registry"
    assert writer_of(b'{"a": 1}', schemas, now).startswith("no schema of the platform's")
