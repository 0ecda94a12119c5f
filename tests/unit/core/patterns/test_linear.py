"""Patterns are found where Python finds them, in time that does not explode."""

from __future__ import annotations

import re
import sys
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidemill.patterns.linear import LONGEST_TEXT, PatternError, like, regex

# characters of every kind that engines differ about: digits, letters, cases, marks, line breaks, beyond the BMP
CHARACTERS = "ab1_ -.\n\r\tAkKſsßẞéÉıiİΣςσ\u0345\u00a0٣²\u2028\U0001d54f\U0010fffe"
TEXTS = st.text(CHARACTERS, max_size=7)
ATOMS = st.sampled_from(
    ["a", "b", r"\.", ".", "é", "ß", "k", "[ab]", "[^a]", r"[^\W\d]", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S",
     "[a-z1]", "[É-ſ]", "İ", "σ", r"\n", r"\U0001d54f", "(?i:k)", "(?s:.)", r"(?a:\w)"]
)  # fmt: skip
REPEATS = st.sampled_from(["", "", "", "?", "*", "+", "*?", "{2}", "{,2}", "{1,}"])
PIECES = st.tuples(ATOMS, REPEATS).map("".join) | st.sampled_from([r"\b", r"\B"])
SEQUENCES = st.lists(PIECES, min_size=1, max_size=4).map("".join)
GROUPS = st.lists(SEQUENCES, min_size=1, max_size=3).map(lambda ways: f"(?:{'|'.join(ways)})") | SEQUENCES
PATTERNS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "", "(?i)", "(?s)", "(?m)", "(?ms)"]),
    st.sampled_from(["", "", "^", r"\A"]),
    GROUPS,
    GROUPS | st.just(""),
    st.sampled_from(["", "", "$", r"\Z"]),
)


@settings(max_examples=200, deadline=None)
@given(pattern=PATTERNS, text=TEXTS)
@example(r"\b\b", "a")
@example(r"(\b\w+\b\W*)+$", "é a\n")
@example("(?m)^a$", "b\na\nb")
@example("a$", "a\n")
@example(r"a\Z", "a\n")
@example(r"\B", "")
@example(r"\bé", " é")
@example(r"é\b", "éa")
@example("(?i)[^k]", "\u212a")
@example(r"(?i)\w", "\u0345")
@example("[\ud800]", "a")
def test_a_pattern_is_found_where_python_finds_it(pattern: str, text: str) -> None:
    try:
        found = regex(pattern).found_in(text)
    except PatternError as error:
        assert "write" in str(error) or "meaning" in str(error)  # refused, with the cure; never answered otherwise
        return
    assert found is (re.search(pattern, text) is not None)


@pytest.mark.parametrize("pattern", [r"\w", r"\d", r"\S", "(?i)[^k]", r"(?i)[\u0390-\u03ff]", r"(?ai)[i-k]", "."])
def test_a_class_holds_the_characters_that_it_holds_in_python(pattern: str) -> None:
    ours, theirs = regex(pattern), re.compile(pattern)
    points = [*range(0x3000), *range(0x3000, 0xD800, 7), *range(0xE000, sys.maxunicode, 97), 0x1E900, 0x10FFFF]
    odd = [hex(p) for p in points if ours.found_in(chr(p)) is not (theirs.fullmatch(chr(p)) is not None)]
    assert not odd


@settings(max_examples=200, deadline=None)
@given(pattern=st.text("ab%_\\.[é\n", max_size=6), text=st.text("ab\\.[é\n", max_size=6))
def test_like_is_about_the_whole_text(pattern: str, text: str) -> None:
    parts = {"%": "(?s:.*)", "_": "(?s:.)"}
    assert like(pattern).found_in(text) is bool(
        re.fullmatch("".join(parts.get(c, re.escape(c)) for c in pattern), text)
    )


EXPLODING = [
    r"(a+)+$", r"(a|aa)+b", r"(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(.*a){20}b", r"(a?){50}a{50}b", r"\s+$",
    r"^(\w+\s?)*$", r"(\b\w+\b\W*)+!",
]  # fmt: skip


@pytest.mark.parametrize("pattern", EXPLODING)
@pytest.mark.parametrize("unit", ["a", "x", " ", "ax ", "é"])
def test_no_text_takes_long_whatever_the_pattern(pattern: str, unit: str) -> None:
    """Python takes minutes to ages for most of these; the bound is generous, for a busy machine."""
    compiled = regex(pattern)
    began = time.process_time()
    compiled.found_in((unit * 100_000)[: min(100_000, compiled.longest_text) - 1] + "\n")
    assert time.process_time() - began < 10


@pytest.mark.parametrize("wild", ["%a" * 40 + "%b", "%_" * 60 + "%b", "%" * 2_000 + "b", "a%" * 30 + "b"])
def test_like_with_many_wild_cards_takes_no_longer(wild: str) -> None:
    compiled = like(wild)
    began = time.process_time()
    assert not compiled.found_in("a" * min(LONGEST_TEXT, compiled.longest_text))
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(?=a)", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "a reference to a group"),
        ("(?P<x>a)(?P=x)", "a reference to a group"),
        ("(a)?(?(1)b|c)", "a condition"),
        ("(?>a)", "an atomic group"),
        ("a++", "a possessive repeat"),
        ("a$b", r"write \\Z"),
        ("a{1,2000}", "more than 1,000 times"),
        ("(?:a{1,900}){1,900}", "linear time"),
        (r"\w{1000}", "is too large|linear time"),
        ("(", "is not a regular expression"),
        ("(" * 5_000 + ")" * 5_000, "is not a regular expression"),
        (r"a\b^", "write it first"),
        (r"\b(?a:\b)", "one meaning"),
        ("a" * 10_001, "more than 10,000 characters"),
    ],
)
def test_what_cannot_be_looked_for_in_linear_time_is_refused_with_a_cure(pattern: str, said: str) -> None:
    with pytest.raises(PatternError, match=said):
        regex(pattern)


def test_a_lone_surrogate_in_a_text_is_no_character_of_any_pattern_and_stops_nothing() -> None:
    assert not regex("a").found_in("\ud800")
    assert regex("a").found_in("\ud800a")
