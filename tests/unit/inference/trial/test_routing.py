"""Which arm answers an entity."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidemill_inference.trial.routing import place, salt_of, to_challenger

SALT = salt_of("flight-delay", 3)
KEYS = [f"N{number}".encode() for number in range(20_000)]


def test_the_share_is_what_it_says() -> None:
    for share in (0.05, 0.5):
        found = to_challenger(KEYS, SALT, share).mean()
        assert abs(found - share) < 0.01
    assert not to_challenger(KEYS, SALT, 0.0).any() and to_challenger(KEYS, SALT, 1.0).all()


def test_a_key_has_its_place_on_every_machine_and_in_every_release_of_the_program() -> None:
    assert [round(place(key, SALT), 6) for key in (b"N14228", b"N24211", "Zürich".encode())] == PLACES


PLACES = [0.635182, 0.3178, 0.667742]


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_a_share_that_grows_only_adds_keys(keys: list[bytes], one: float, other: float) -> None:
    small, large = (to_challenger(keys, SALT, share) for share in sorted((one, other)))
    assert not (small & ~large).any()


def test_another_challenger_is_tried_on_other_entities() -> None:
    one, other = (to_challenger(KEYS, salt_of("flight-delay", version), 0.05) for version in (3, 4))
    assert (one & other).sum() < 0.2 * one.sum()


def test_a_long_model_name_makes_a_salt_too() -> None:
    long = "a" * 100
    assert place(b"k", salt_of(long, 1)) == place(b"k", salt_of(long, 1))
