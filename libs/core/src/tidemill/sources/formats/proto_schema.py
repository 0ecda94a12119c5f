"""Protobuf schemas at run time: .proto text or a compiled descriptor set to message classes.

The text is compiled by Google's own compiler, which `grpcio-tools` carries as a library: nothing is generated and
nobody needs a compile step. Imports are what a registry refers to, and Google's well-known types.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tidemill.codec.registry.client import Entry, Registry
from tidemill.codec.registry.references import MissingReference, referenced_texts
from tidemill.errors import ConfigError

MAIN: Final = "source.proto"
COMPILE_S: Final = 30.0
"""A text that takes the compiler longer is refused."""


class SchemaProblem(ValueError):
    """A text that is no Protobuf schema, or has no such message."""


class ProtoSchema:
    """The messages of one file and what it imports, in a pool of its own."""

    def __init__(self, files: FileDescriptorSet, main: str) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        self._main = main
        try:
            for file in files.file:
                self._pool.Add(file)
            self._file = self._pool.FindFileByName(main)
        except (TypeError, KeyError) as error:
            raise SchemaProblem(f"descriptors do not fit together: {error}") from error

    def message(self, which: tuple[int, ...] | str | None) -> Any:
        """A message's class: by its indexes in the file, by its full name, or the file's only one."""
        return message_factory.GetMessageClass(self._descriptor(which))

    def _descriptor(self, which: tuple[int, ...] | str | None) -> Any:
        try:
            if isinstance(which, str):
                return self._pool.FindMessageTypeByName(which)
            top = list(self._file.message_types_by_name.values())
            if which is None and len(top) != 1:
                raise SchemaProblem(f"{self._main} has {len(top)} messages: name one by `message:`")
            indexes = which or (0,)
            found = top[indexes[0]]
            for index in indexes[1:]:
                found = found.nested_types[index]
            return found
        except (KeyError, IndexError) as error:
            raise SchemaProblem(f"{self._main} has no message {which}") from error


def from_texts(texts: Mapping[str, str], main: str) -> ProtoSchema:
    """Compile .proto texts by file name, in a process of its own: what a text may do to the compiler stays there.

    Raises SchemaProblem with the compiler's words.
    """
    import grpc_tools  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory(prefix="tidemill-proto-") as folder:
        for name, text in texts.items():
            path = (Path(folder) / name).resolve()
            if not path.is_relative_to(Path(folder).resolve()):
                raise SchemaProblem(f"an import must not lead out of its folder: {name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        known = Path(grpc_tools.__file__).parent / "_proto"
        out = Path(folder) / "descriptors.out"
        _compile([f"-I{folder}", f"-I{known}", "--include_imports", f"--descriptor_set_out={out}", main])
        return ProtoSchema(FileDescriptorSet.FromString(out.read_bytes()), main)


def _compile(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMPILE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise SchemaProblem(f"{arguments[-1]} does not compile within {COMPILE_S:.0f} s") from error
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise SchemaProblem(f"{arguments[-1]} does not compile: {'; '.join(words[:5]) or done.returncode}")


def from_registry(entry: Entry, registry: Registry) -> ProtoSchema:
    """Compile what a registry keeps, with what it refers to. Raises SchemaProblem, RetryLater."""
    try:
        texts = referenced_texts(entry, registry)
    except MissingReference as error:
        raise SchemaProblem(str(error)) from error
    main = MAIN
    while main in texts:  # one of its imports has that name
        main = f"of-{main}"
    return from_texts({**texts, main: entry.text}, main)


def from_file(path: Path) -> ProtoSchema:
    """A .proto beside which its imports stand, or a descriptor set (`protoc --include_imports --descriptor_set_out`).

    Raises ConfigError.
    """
    try:
        if path.suffix == ".proto":
            beside = sorted(path.parent.rglob("*.proto"))
            texts = {p.relative_to(path.parent).as_posix(): p.read_text(encoding="utf-8") for p in beside}
            return from_texts(texts, path.name)
        files = FileDescriptorSet.FromString(path.read_bytes())
        return ProtoSchema(files, files.file[-1].name)
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(f"cannot read the Protobuf schema {path}: {error}") from error
    except Exception as error:  # the library's DecodeError has no common base with the others
        raise ConfigError(f"{path} is no descriptor set: {error!r}") from error
