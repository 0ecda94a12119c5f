"""Who finds rows missing reads in the audit log that they were erased; who reads it does not learn of whom."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tidemill.settings import CommonSettings
from tidemill_operations.erase.acts import (
    erasures_of,
    key_name,
    note_clean,
    note_erasure,
    note_keys,
    noted_by_others,
    rows_in,
    told_erased,
)
from tidemill_operations.erase.database import rows_that_name
from tidemill_operations.erase.positions import Positions
from tidemill_operations.errors import NotPossible
from tidemill_operations.platform import PlatformView

DATA_SET = {"table_version": 7, "offsets": [{"topic": "tide-clean", "partition": 0, "first": 0, "last": 9}]}


def platform(folder: Path) -> PlatformView:
    settings = CommonSettings(
        database_url=f"sqlite:///{folder / 'registry.db'}", trusted_keys=folder / "keys" / "trusted.pem"
    )
    return PlatformView(settings, {})


def positions(*offsets: int) -> Positions:
    found = Positions()
    found.add(("tide-clean", 0, ""), offsets)
    return found


def test_rows_of_a_data_set_that_were_erased_are_told_once_a_day_however_often_it_was_run(tmp_path: Path) -> None:
    here = platform(tmp_path)
    assert told_erased(here, "tide", DATA_SET) == [] and not (tmp_path / "registry.db").exists(), "a look makes nothing"
    note_erasure(here, "tide", "ab" * 16, positions(3, 4, 40))
    note_erasure(here, "tide", "ab" * 16, positions(4))
    note_erasure(here, "ebb", "ab" * 16, positions(5))
    (told,) = told_erased(here, "tide", DATA_SET)
    assert told.startswith("2 of its rows were erased on 20")
    assert [one.rows.count for one in erasures_of(here, "tide")] == [3, 1]


def test_a_version_made_after_the_rows_were_gone_has_none_of_them_though_its_offsets_reach_over_them(
    tmp_path: Path,
) -> None:
    here = platform(tmp_path)
    note_erasure(here, "tide", "ab" * 16, positions(3, 4))
    assert told_erased(here, "tide", DATA_SET | {"table_version": 90}), "killed before it was known to be clean"
    note_erasure(here, "tide", "ab" * 16, positions(4))
    note_clean(here, "tide", "cd" * 16, 5)
    note_clean(here, "tide", "ab" * 16, 8)
    note_clean(here, "tide", "ab" * 16, 40)
    found = erasures_of(here, "tide")
    assert [one.clean_at for one in found] == [8, 8], "what was cleaned for somebody else does not count"
    assert rows_in(found, DATA_SET) == 2, "each row once"
    assert rows_in(found, DATA_SET | {"table_version": 8}) == 0
    assert told_erased(here, "tide", DATA_SET | {"table_version": 30}) == []


def test_a_name_in_words_of_people_is_told_with_its_place_and_the_act_itself_is_none(tmp_path: Path) -> None:
    from tidemill_operations.acts import note_act

    here = platform(tmp_path)
    note_erasure(here, "tide-clean", "ab" * 16, positions(3))
    assert list(rows_that_name(here, {"tide-clean"})) == []
    note_act(here, "keys.revoke", "k1", reason="asked for by Gauge-7, by letter")
    note_act(here, "keys.revoke", "k2", reason="asked for by Gauge-77")
    (told,) = rows_that_name(here, {"Gauge-7"})
    assert (told.where, told.count) == ("database table audit_log", 1)


def test_the_key_is_the_privacy_key_else_one_of_its_own_that_others_cannot_read(tmp_path: Path) -> None:
    here = platform(tmp_path)
    assert note_keys(here, [], make=False) == [] and not (tmp_path / "keys").exists(), "a dry run makes none"
    assert note_keys(here, [b"k" * 16], make=True) == [b"k" * 16] and not (tmp_path / "keys").exists()
    (key,) = note_keys(here, [], make=True)
    assert len(key) == 32 and note_keys(here, [], make=True) == [key]
    assert stat.S_IMODE((tmp_path / "keys" / "erasure.key").stat().st_mode) == 0o600
    assert note_keys(here, [b"k" * 16], make=True) == [b"k" * 16, key], "acts of before were noted by the other"


def test_erasures_that_were_noted_by_a_key_that_is_not_here_are_counted(tmp_path: Path) -> None:
    here, lost = platform(tmp_path), b"l" * 32
    note_erasure(here, "tide-clean", "ab" * 16, positions(3), key_name(lost))
    note_erasure(here, "tide-clean", "cd" * 16, positions(4), key_name(b"k" * 32))
    note_erasure(here, "tide-clean", "ef" * 16, positions(5))
    found = erasures_of(here, "tide-clean")
    assert [noted_by_others(found, keys) for keys in ([], [b"k" * 32], [lost, b"k" * 32])] == [2, 1, 0]
    assert lost.hex() not in str(found) and key_name(lost) != key_name(b"k" * 32)


def test_without_a_place_for_a_key_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where a folder should be")
    with pytest.raises(NotPossible, match="--privacy-key-file"):
        note_keys(platform(tmp_path), [], make=True)
