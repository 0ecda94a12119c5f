"""When database and topics fit together, and when both are to be read again."""

from __future__ import annotations

from typing import Any

from tidemill_operations.backup.take import not_known


def arm(version: int) -> dict[str, Any]:
    return {"version": version}


def events(*, released: int, serves: int, epoch: int, made: tuple[int, ...] = ()) -> dict[str, list[dict[str, Any]]]:
    def published(version: int, at: int) -> dict[str, Any]:
        return {"model": "tide", "epoch": at, "champion": arm(version), "challenger": None}

    return {
        "retrain_runs": [{"model": "tide", "version": n, "artifact": arm(n)} for n in made],
        "model_releases": [{"published": published(n, n)} for n in range(1, released + 1)],
        "model_versions": [published(serves, epoch)],
    }


def rows(*versions: int) -> list[dict[str, Any]]:
    return [{"model": "tide", "version": version, "run_id": f"r{version}"} for version in versions]


def test_they_fit_where_the_database_knows_all_that_topics_name_or_more() -> None:
    assert not_known(rows(1, 2), events(released=2, serves=2, epoch=2, made=(1, 2))) == set()
    assert not_known(rows(1, 2, 3), events(released=2, serves=2, epoch=2, made=(1, 2))) == set()


def test_a_version_that_was_made_after_the_database_was_read_is_not_known() -> None:
    assert not_known(rows(1), events(released=1, serves=1, epoch=1, made=(1, 2))) == {"tide version 2"}
    assert not_known(rows(1), events(released=2, serves=2, epoch=2)) == {"tide version 2"}


def test_a_release_that_came_between_the_two_topics_is_seen() -> None:
    assert not_known(rows(1, 2), events(released=1, serves=2, epoch=2, made=(1, 2))) == {"tide by now"}


def test_a_run_without_a_version_asks_for_nothing() -> None:
    found = events(released=1, serves=1, epoch=1)
    found["retrain_runs"] = [{"model": "tide", "version": 7, "artifact": None}]
    assert not_known(rows(1), found) == set()
