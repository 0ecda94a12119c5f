"""An entity is looked for in the forms in which the model file's own rules leave it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.trainer.fixtures import SPEC
from tidemill.contracts.model_file.spec import PrivacyRule, Step
from tidemill.rows.field_rules import privacy_rule
from tidemill_operations.erase.entity import forms_of, noted_as
from tidemill_operations.errors import WrongUse

KEY, BEFORE = b"k" * 16, b"b" * 16
TRIMMED = replace(SPEC, normalise={"gauge": (Step("trim"), Step("upper"))})


def test_as_pushed_and_as_normalised() -> None:
    assert forms_of(SPEC, "g1", ()).texts == {"g1"}
    assert forms_of(TRIMMED, " g1 ", ()).texts == {" g1 ", "G1"}
    assert forms_of(TRIMMED, "G1", ()).keys == {b"G1"}


def test_hashed_under_each_key_that_may_have_hashed_it() -> None:
    hashing = replace(TRIMMED, privacy={"gauge": PrivacyRule("hash")})
    hashed = {privacy_rule(PrivacyRule("hash"), key)("G1") for key in (KEY, BEFORE)}
    found = forms_of(hashing, "g1", [KEY, BEFORE])
    assert hashed < found.texts and {"g1", "G1"} < found.texts and not found.hidden
    with pytest.raises(WrongUse, match="--privacy-key-file"):
        forms_of(hashing, "g1", ())


@pytest.mark.parametrize(("rule", "left"), [(PrivacyRule("drop"), ""), (PrivacyRule("mask", 1), "*1")])
def test_what_a_rule_leaves_to_many_is_nobodys(rule: PrivacyRule, left: str) -> None:
    found = forms_of(replace(SPEC, privacy={"gauge": rule}), "g1", ())
    assert found.hidden and left in found.shared and left not in found.texts


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(WrongUse, match="empty"):
        forms_of(SPEC, "", ())


def test_the_audit_log_s_hash_is_neither_the_name_nor_what_stands_on_topics() -> None:
    told = noted_as("g1", KEY)
    assert told == noted_as("g1", KEY) != noted_as("g1", BEFORE) != noted_as("g2", BEFORE)
    assert told != privacy_rule(PrivacyRule("hash"), KEY)("g1") and len(told) == 32
