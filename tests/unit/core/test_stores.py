from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.stores import TooLarge, join, list_names, read_bytes, write_bytes


@pytest.fixture(params=["file", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return tmp_path.as_uri() if request.param == "file" else f"memory://{tmp_path.name}-{request.node.name}"


def test_what_is_written_is_read_and_listed(root: str) -> None:
    uri = join(root, "a", "b.bin")
    write_bytes(uri, b"one")
    write_bytes(uri, b"two")
    write_bytes(join(root, "a", "a.bin"), b"")
    assert read_bytes(uri, 3) == b"two"
    assert list_names(join(root, "a")) == ["a.bin", "b.bin"]


def test_what_is_not_there_is_told(root: str) -> None:
    assert list_names(join(root, "nowhere")) == []
    with pytest.raises(FileNotFoundError):
        read_bytes(join(root, "nowhere"), 1)


def test_no_more_is_read_than_allowed(root: str) -> None:
    write_bytes(join(root, "large"), b"x" * 100)
    with pytest.raises(TooLarge, match="larger than 99 bytes"):
        read_bytes(join(root, "large"), 99)


def test_a_plain_path_is_a_store_too(tmp_path: Path) -> None:
    write_bytes(join(str(tmp_path), "new", "file"), b"x")
    assert (tmp_path / "new" / "file").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b"])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(ValueError, match="not a plain name"):
        join("memory://x", name)


def test_a_failed_write_leaves_the_old_object_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = join(tmp_path.as_uri(), "file")
    write_bytes(uri, b"old")

    def fails(descriptor: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr("tidemill.stores.os.fsync", fails)
    with pytest.raises(OSError, match="no space"):
        write_bytes(uri, b"new")
    assert read_bytes(uri, 10) == b"old"
    assert list_names(tmp_path.as_uri()) == ["file"]
