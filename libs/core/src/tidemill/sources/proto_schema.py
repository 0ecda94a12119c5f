"""Protobuf schemas at run time: .proto text or a compiled descriptor set to message classes.

The text is compiled by Google's own compiler, which `grpcio-tools` carries as a library: nothing is generated and
nobody needs a compile step. Imports are what a registry refers to, and Google's well-known types.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tidemill.codec.registry import Entry, Registry
from tidemill.errors import ConfigError
from tidemill.sources.references import MissingReference, referenced_texts

MAIN: Final = "source.proto"


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
    """Compile .proto texts by file name. Raises SchemaProblem with the compiler's words."""
    import grpc_tools  # type: ignore[import-untyped]
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory(prefix="tidemill-proto-") as folder:
        for name, text in texts.items():
            path = (Path(folder) / name).resolve()
            if not path.is_relative_to(Path(folder).resolve()):
                raise SchemaProblem(f"an import must not lead out of its folder: {name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        known = Path(grpc_tools.__file__).parent / "_proto"
        out = Path(folder) / "descriptors.out"
        arguments = ["protoc", f"-I{folder}", f"-I{known}", "--include_imports", f"--descriptor_set_out={out}", main]
        if protoc.main(arguments) != 0:
            raise SchemaProblem(f"{main} does not compile: the compiler's words stand on stderr")
        return ProtoSchema(FileDescriptorSet.FromString(out.read_bytes()), main)


def from_registry(entry: Entry, registry: Registry) -> ProtoSchema:
    """Compile what a registry keeps, with what it refers to. Raises SchemaProblem, RetryLater."""
    try:
        texts = referenced_texts(entry, registry)
    except MissingReference as error:
        raise SchemaProblem(str(error)) from error
    return from_texts({**texts, MAIN: entry.text}, MAIN)


def from_file(path: Path) -> ProtoSchema:
    """A .proto beside which its imports stand, or a descriptor set (`protoc --include_imports --descriptor_set_out`).

    Raises ConfigError.
    """
    try:
        if path.suffix == ".proto":
            return from_texts({p.name: p.read_text(encoding="utf-8") for p in path.parent.glob("*.proto")}, path.name)
        files = FileDescriptorSet.FromString(path.read_bytes())
        return ProtoSchema(files, files.file[-1].name)
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(f"cannot read the Protobuf schema {path}: {error}") from error
    except Exception as error:  # the library's DecodeError has no common base with the others
        raise ConfigError(f"{path} is no descriptor set: {error!r}") from error
