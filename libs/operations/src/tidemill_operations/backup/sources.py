"""The files that a backup takes: artifacts that are referred to, and training tables with their logs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tidemill.artifact import ArtifactError, Manifest
from tidemill.artifact.manifest import MANIFEST_FILE
from tidemill.artifact.place import check_place
from tidemill.stores import is_unfinished
from tidemill_operations.backup.document import ARTIFACTS, TABLES, Part
from tidemill_operations.backup.packing import Packer
from tidemill_operations.backup.places import below, files_below
from tidemill_operations.backup.store import read_source
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from tidemill_operations.references.uses import ArtifactUse

LOG: Final = "_delta_log/"
DIGITS: Final = 20
"""Of a version in the name of a file of Delta Lake's log."""
TRIES: Final = 3
"""How often a table is begun again of which files go meanwhile."""

Told = Callable[[str, int, int], None]
"""Is told what is copied, how much of it is done, and how much there is."""


@dataclass(slots=True)
class Artifacts:
    """Copies artifacts below one root. `absent`: what is referred to and could not be copied, in words."""

    root: str
    packer: Packer
    absent: list[str]

    def copy(self, uses: Iterable[ArtifactUse], told: Told) -> Part:
        """Copy them all. What is not as its manifest says is not copied, and said."""
        every = sorted(uses, key=lambda use: use.uri)
        for done, use in enumerate(every, 1):
            try:
                self._copy(use)
            except (ArtifactError, FileNotFoundError) as error:
                why = ", ".join(sorted({f"{one.why} ({one.by})" for one in use.uses})[:3])
                self.absent.append(f"version {use.version} of {use.model}, which {why}: {error}")
            told("artifacts", done, len(every))
        return self.packer.finish(ARTIFACTS, "")

    def _copy(self, use: ArtifactUse) -> None:
        check_place(use.uri, self.root, use.model)
        files = {name: found for name, found in files_below(use.uri).items() if not is_unfinished(name)}
        start = use.uri.removeprefix(self.root.rstrip("/") + "/")
        if files and all(self.packer.unchanged(f"{start}/{name}", found.mark) for name, found in files.items()):
            return
        data = {name: read_source(below(use.uri, name)) for name in files}
        self._check(use, data)
        for name, found in files.items():
            self.packer.add(f"{start}/{name}", data[name], found.mark)

    def _check(self, use: ArtifactUse, data: dict[str, bytes]) -> None:
        """Raises ArtifactError where it is not what is referred to."""
        document = data.get(MANIFEST_FILE)
        if document is None:
            raise ArtifactError(f"{use.uri} has no {MANIFEST_FILE}")
        said = {MANIFEST_FILE: use.digest, **Manifest.from_bytes(document).files}
        for name, digest in said.items():
            if name not in data:
                raise ArtifactError(f"{use.uri} has no {name}")
            found = hashlib.sha256(data[name]).hexdigest()
            if found != digest.lower():
                raise ArtifactError(f"{use.uri}/{name} has SHA-256 {found}, not {digest}")


def copy_table(uri: str, name: str, packer: Callable[[], Packer], at_least: int, told: Told) -> Part | None:
    """Copy a table as it is at its newest version, with its log and all files of the versions before; None where there
    is none. `packer` makes one. `at_least`: the version that the database names.

    Beside whoever writes: a commit is whole when its entry is in the log, and what comes after is left out. Where files
    go meanwhile (a vacuum), the table is begun again. Raises NotPossible where it ends before `at_least`.
    """
    for last in (*[False] * (TRIES - 1), True):
        newest = newest_version(files_below(f"{uri}/{LOG.rstrip('/')}"))
        if newest is None and at_least < 0:
            return None
        if newest is None or newest < at_least:
            raise NotPossible(
                f"{uri} ends at version {newest if newest is not None else 'none'}, and label time in the database "
                f"stands at {at_least}: is TIDEMILL_TABLES that of this database?"
            )
        try:
            return _copied(uri, name, packer(), newest, told)
        except FileNotFoundError as error:
            if last:
                raise NotPossible(f"files of {uri} are removed all the time ({error}): try again later") from error
    raise AssertionError("the last try raises")


def newest_version(log: Iterable[str]) -> int | None:
    """The newest version of a table, by the names in its log."""
    entries = (name for name in log if name[DIGITS:] == ".json" and name[:DIGITS].isdigit())
    return max((int(name[:DIGITS]) for name in entries), default=None)


def _copied(uri: str, name: str, packer: Packer, newest: int, told: Told) -> Part:
    files = {path: found for path, found in files_below(uri).items() if belongs(path, newest)}
    for done, (path, found) in enumerate(files.items(), 1):
        if not packer.unchanged(path, found.mark):
            packer.add(path, read_source(below(uri, path)), found.mark)
        told(f"table {name}", done, len(files))
    return packer.finish(TABLES, name, newest)


def belongs(path: str, newest: int) -> bool:
    """Whether a file belongs to the table up to this version. The log's hint at its newest checkpoint does not: it may
    be of a later one, and readers do without. Nor does a write that goes on: it has another name when it is done.
    """
    if is_unfinished(path):
        return False
    if not path.startswith(LOG):
        return True
    entry = path.removeprefix(LOG)
    if "/" in entry:
        return entry.startswith("_sidecars/")
    return entry[:DIGITS].isdigit() and len(entry) > DIGITS and int(entry[:DIGITS]) <= newest
