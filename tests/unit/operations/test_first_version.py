"""How far a model is from its first version, in words."""

from __future__ import annotations

from tidemill_operations.standing.first_version import until_the_first


def row(labels: int, *, orphans: int = 0, version: int | None = None) -> dict[str, object]:
    return {
        "model": "loan", "version": version, "labels": labels, "labels_without_event": orphans, "first_after": 2_000,
    }  # fmt: skip


def test_labels_that_are_about_an_event_count() -> None:
    told = until_the_first(row(1_250, orphans=10))
    assert told.startswith("loan: 1,240 of 2,000 labelled rows until the first version")


def test_enough_of_them_are_told_too() -> None:
    assert "2,500 labelled rows, 2,000 are enough" in until_the_first(row(2_500))


def test_nothing_is_missing_where_a_version_serves() -> None:
    assert until_the_first(row(0, version=1)) == ""
