"""A model file that is nested endlessly, names itself or is enormous is refused with its place, at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.contracts.model_file import ModelFileError
from tidemill.contracts.model_file.load import parse_model

BOMB = "a: &a [x, x]\n" + "".join(f"{chr(98 + k)}: &{chr(98 + k)} [{f'*{chr(97 + k)}, ' * 9}]\n" for k in range(20))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: " + "[" * 100_000, "m.yaml:1:39: not YAML: nested more than 32 levels deep"),
        ("model: " + "{a: " * 100_000, "nested more than 32 levels deep"),
        ("- " * 50_000, "nested more than 32 levels deep"),
        ("".join("  " * k + "a:\n" for k in range(500)), "m.yaml:32:63: not YAML: nested more than 32 levels deep"),
        ("model: x\nfeatures: &a {x: *a}\n", "m.yaml:2:18: not YAML: the alias *a stands inside of what it names"),
        ("features: &a\n  - &b [*a]\n", "the alias *a stands inside of what it names"),
        ("model: *nowhere\n", "undefined alias"),
        ("a: [" + "x, " * 120_000 + "]", "too many values"),
        ("a: " + "x" * 5_000_000, "5,000,003 characters"),
        (BOMB, "unknown key 'a'"),
        ("\ufeff", "the file is empty"),
        ("model: a\0b", "not YAML"),
    ],
)
def test_what_has_no_end_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ModelFileError) as refused:
        parse_model(Path("m.yaml"), text)
    assert said in str(refused.value)


def test_an_alias_that_names_what_stands_before_it_works() -> None:
    text = """
model: loan
schema: loan.avsc
entity: &who who
event_time: at
target: {label: bad, task: binary}
features: {amount: number}
normalise: {name: &steps [trim], other: *steps}
privacy: {*who : hash}
"""
    assert [step.kind for step in parse_model(Path("m.yaml"), text).normalise["other"]] == ["trim"]
