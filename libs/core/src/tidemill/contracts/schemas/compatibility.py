"""May bytes written with one schema be read with another? Avro's resolution rules, and logical types,
which Avro leaves out.

Source: Apache Avro 1.12 specification, "Schema Resolution". Stricter in three points: a promotion that may
lose precision (long to float or double, int to float), bytes as string (they may be no UTF-8), and a changed
logical type are problems, though Avro reads them.
"""

from __future__ import annotations

from typing import Any, Final

from tidemill.contracts.schemas.catalog import Schema

PROMOTIONS: Final = {
    "int": ("long", "double"),
    "long": (),
    "float": ("double",),
    "string": ("bytes",),
}
_Named = dict[str, Any]


def reading_problems(reader: Schema, writer: Schema) -> list[str]:
    """What stands in the way of reading `writer`'s bytes as `reader`, one sentence each; empty where
    nothing does.
    """
    found: list[str] = []
    _Comparison(found, _named(reader.parsed), _named(writer.parsed)).compare(reader.parsed, writer.parsed, reader.name)
    return found


class _Comparison:
    def __init__(self, problems: list[str], reader_names: _Named, writer_names: _Named) -> None:
        self._problems = problems
        self._reader_names = reader_names
        self._writer_names = writer_names
        self._open: set[tuple[str, str]] = set()

    def compare(self, reader: Any, writer: Any, path: str) -> None:
        reader = _resolve(reader, self._reader_names)
        writer = _resolve(writer, self._writer_names)
        if isinstance(writer, list):
            for branch in writer:
                self.compare(reader, branch, path)
        elif isinstance(reader, list):
            self._union(reader, writer, path)
        else:
            self._one(reader, writer, path)

    def _union(self, branches: list[Any], writer: Any, path: str) -> None:
        if not any(self._fits(branch, writer, path) for branch in branches):
            names = " or ".join(_show(_resolve(branch, self._reader_names)) for branch in branches)
            self._problems.append(f"{path}: was {_show(writer)}, which {names} cannot hold")

    def _fits(self, reader: Any, writer: Any, path: str) -> bool:
        trial = _Comparison([], self._reader_names, self._writer_names)
        trial._open = self._open
        trial.compare(reader, writer, path)
        return not trial._problems

    def _one(self, reader: Any, writer: Any, path: str) -> None:
        was, now = _kind(writer), _kind(reader)
        if was != now and not (now in PROMOTIONS.get(was, ()) and not _logical(writer) and not _logical(reader)):
            self._problems.append(f"{path}: was {_show(writer)} and is {_show(reader)} now")
        elif _logical(reader) != _logical(writer):
            self._problems.append(f"{path}: was {_show(writer)} and is {_show(reader)} now: use a new field")
        elif now in ("record", "enum", "fixed") and _short(writer["name"]) not in _short_names(reader):
            self._problems.append(f"{path}: the {now} was called {writer['name']}: name it as an alias")
        elif now == "record":
            self._record(reader, writer, path)
        elif now == "enum":
            lost = [s for s in writer["symbols"] if s not in reader["symbols"] and "default" not in reader]
            if lost:
                self._problems.append(f"{path}: lost the symbols {', '.join(lost)}")
        elif now == "fixed" and reader["size"] != writer["size"]:
            self._problems.append(f"{path}: had {writer['size']} bytes and has {reader['size']} now")
        elif now in ("array", "map"):
            part = "items" if now == "array" else "values"
            self.compare(reader[part], writer[part], f"{path}[]")

    def _record(self, reader: Any, writer: Any, path: str) -> None:
        pair = (reader["name"], writer["name"])
        if pair in self._open:
            return
        self._open.add(pair)
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            names = [field["name"], *field.get("aliases", ())]
            old = next((written[name] for name in names if name in written), None)
            if old is not None:
                self.compare(field["type"], old["type"], f"{path}.{field['name']}")
            elif "default" not in field:
                self._problems.append(f"{path}.{field['name']}: is new and has no default")
        self._open.discard(pair)


def _named(avro: Any) -> _Named:
    """Every named type, wherever it is spelled out: it may be in a field that only one of two schemas has."""
    if isinstance(avro, list):
        return {name: named for part in avro for name, named in _named(part).items()}
    if not isinstance(avro, dict):
        return {}
    own = {avro["name"]: avro} if _kind(avro) in ("record", "enum", "fixed") else {}
    parts = [*(field["type"] for field in avro.get("fields", ())), avro.get("items"), avro.get("values")]
    return own | _named(parts)


def _resolve(avro: Any, names: _Named) -> Any:
    return names.get(avro, avro) if isinstance(avro, str) else avro


def _kind(avro: Any) -> str:
    return str(avro["type"]) if isinstance(avro, dict) else str(avro)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _short_names(reader: _Named) -> set[str]:
    """What a writer may call a reader's named type: unqualified names are compared, aliases are the reader's."""
    return {_short(name) for name in (reader["name"], *reader.get("aliases", ()))}


def _logical(avro: Any) -> tuple[Any, ...]:
    if not isinstance(avro, dict) or "logicalType" not in avro:
        return ()
    return (avro["logicalType"], avro.get("precision"), avro.get("scale"))


def _show(avro: Any) -> str:
    if isinstance(avro, list):
        return " or ".join(_show(branch) for branch in avro)
    if not isinstance(avro, dict):
        return str(avro)
    return str(avro.get("logicalType") or avro.get("name") or avro["type"])
