from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

import pytest

from tests.unit.core.artifact.models import manifest, scaling
from tests.unit.core.artifact.test_onnx_model import column
from tidemill.artifact import ArtifactError, CheckedGraph, FeatureColumn, OnnxModel
from tidemill.artifact.sandbox.sealed import SealedFile

DESCRIPTORS = Path("/proc/self/fd")


def test_a_sealed_file_holds_the_bytes_and_can_be_changed_by_nobody():
    sealed = SealedFile.of(b"graph" * 1_000)
    if sealed is None:
        assert sys.platform != "linux"
        return
    assert Path(sealed.path).read_bytes() == b"graph" * 1_000
    with Path(sealed.path).open("r+b", buffering=0) as file:
        for change in (lambda: file.write(b"x"), lambda: file.truncate(1), lambda: file.truncate(10_000)):
            with pytest.raises(OSError, match="not permitted"):
                change()
        with pytest.raises(OSError, match="not permitted"):
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL)
    assert Path(sealed.path).read_bytes() == b"graph" * 1_000
    sealed.close()


def test_no_file_stays_open_whether_the_model_loads_or_not():
    model = OnnxModel.load(scaling(2.0), manifest())
    with pytest.raises(ArtifactError, match="inputs"):
        OnnxModel.load(scaling(2.0), manifest(features=(FeatureColumn("speed", "number"),)))
    links = DESCRIPTORS.iterdir() if DESCRIPTORS.is_dir() else []
    assert not [one for one in links if one.is_symlink() and "memfd:model" in str(one.readlink())]
    assert model.score(column(3.0)).tolist() == [6.0]


def test_where_there_are_no_such_files_the_bytes_are_loaded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert SealedFile.of(b"x") is None
    assert OnnxModel.load(scaling(2.0), manifest()).score(column(3.0)).tolist() == [6.0]


@pytest.mark.parametrize("files", [True, False])
def test_bytes_that_look_like_another_format_too_are_loaded_as_what_was_checked(
    files: bool, monkeypatch: pytest.MonkeyPatch
):
    """ONNX Runtime takes bytes with ORTM in this place for its own format, which nobody has checked."""
    if not files:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    unknown_field = b"\x9a\x06\x05xORTM"
    data = unknown_field + scaling(2.0)
    assert data[4:8] == b"ORTM"
    model = OnnxModel.of(CheckedGraph(data), manifest())
    assert model.score(column(3.0)).tolist() == [6.0]
