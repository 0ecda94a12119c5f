from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.models.odd_store import OddStore
from tidemill.stores import TooLarge, join, read_bytes, write_bytes


@pytest.fixture(params=["file", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return tmp_path.as_uri() if request.param == "file" else f"memory://{tmp_path.name}-{request.node.name}"


def test_what_is_written_is_read_by_its_name(root: str) -> None:
    uri = join(root, "a", "b.bin")
    write_bytes(uri, b"one")
    write_bytes(uri, b"two")
    write_bytes(join(root, "a", "a.bin"), b"")
    assert read_bytes(uri, 3) == b"two"
    assert read_bytes(join(root, "a", "a.bin"), 3) == b""


def test_what_is_not_there_is_told(root: str) -> None:
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
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_who_watches_is_told_of_every_part_and_may_break_the_read_off(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidemill.stores.PART_BYTES", 4)
    uri, parts = join(root, "ten"), list[int]()
    write_bytes(uri, b"0123456789")
    assert read_bytes(uri, 10, parts.append) == b"0123456789"
    assert parts == [4, 4, 2]

    def enough(count: int) -> None:
        raise TimeoutError("enough")

    with pytest.raises(TimeoutError, match="enough"):
        read_bytes(uri, 10, enough)


def test_over_http_a_file_is_read_missed_too_large_or_broken_off(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1_000)
    with OddStore(tmp_path) as store:
        uri = join(store.uri, "file")
        assert read_bytes(uri, 1_000) == b"x" * 1_000
        with pytest.raises(TooLarge):
            read_bytes(uri, 999)
        with pytest.raises(FileNotFoundError):
            read_bytes(join(store.uri, "nowhere"), 1)
        store.faults["/file"] = "breaks off"
        with pytest.raises(OSError, match=r"cannot be read.*not completed"):
            read_bytes(uri, 1_000)


def test_a_store_that_does_not_answer_is_away_and_not_without_the_file(tmp_path: Path) -> None:
    with OddStore(tmp_path) as store:
        uri = join(store.uri, "file")
    with pytest.raises(OSError, match=r"cannot be read.*onnect") as found:
        read_bytes(uri, 1)
    assert not isinstance(found.value, FileNotFoundError)


def test_a_full_disk_is_an_os_error_that_names_the_place_and_leaves_no_part(tmp_path: Path) -> None:
    program = (
        "import resource, signal, sys; from tidemill.stores import write_bytes\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_bytes(sys.argv[1], b'x' * 5000)\n"
        "except OSError as error: print(error)\n"
    )
    place = f"file://{tmp_path}/model/1/model.onnx"
    said = subprocess.run([sys.executable, "-c", program, place], capture_output=True, text=True, check=True).stdout
    assert f"{place} cannot be written: File too large" in said
    assert not list((tmp_path / "model" / "1").iterdir())


def test_what_a_store_s_library_raises_is_an_os_error_too() -> None:
    with pytest.raises(OSError, match="cannot be written"):
        write_bytes("nosuchprotocol://bucket/a", b"x")
