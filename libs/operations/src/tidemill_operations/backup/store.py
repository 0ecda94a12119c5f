"""Where backups lie: objects named by their SHA-256, shared by all backups, and a description of each backup.

objects/<two digits>/<sha256>     never changed; what two backups have in common is there once
backups/<name>.json               written last: without it there is no backup
running/<kind>-<name>             who works here now
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import asdict
from typing import Final

from tidemill.codec.inflate import inflated
from tidemill.stores import TooLarge, absolute, read_bytes
from tidemill_operations.backup.document import Backup, Damaged, Part, Stored
from tidemill_operations.backup.names import taken_at
from tidemill_operations.backup.places import below, files_below, reaching, write
from tidemill_operations.errors import NotPossible, WrongUse

LARGEST: Final = 4 << 30
"""Bytes of a file that is backed up: it is held in memory."""
LARGEST_LISTING: Final = 1 << 30
"""Bytes of a list of files, unpacked: some millions of them."""
OBJECTS, BACKUPS = "objects", "backups"


class BackupStore:
    """One place. Not thread-safe. What cannot be reached is NotPossible everywhere."""

    def __init__(self, url: str) -> None:
        self.url = absolute(url)
        self._known: set[str] | None = None
        self._last: tuple[str, bytes] = ("", b"")
        self.written = 0
        """Bytes of the objects that were new here."""

    def names(self) -> list[str]:
        """Whole backups, oldest first; before them those whose names tell no time."""
        found = files_below(f"{self.url}/{BACKUPS}")
        names = (path.removesuffix(".json") for path in found if path.endswith(".json") and "/" not in path)
        return sorted(names, key=lambda name: (taken_at(name) is not None, name))

    def newest(self) -> Backup | None:
        """The newest backup whose description can be read: another one damaged is no reason to take none."""
        for name in reversed(self.names()):
            try:
                return self.read(name)
            except Damaged:
                continue  # `list` and `verify` name it
        return None

    def chosen(self, name: str | None) -> Backup:
        """The backup of this name, or the newest. Raises WrongUse where there is none; Damaged, with the names of the
        others.
        """
        names = self.names()
        if not names:
            raise WrongUse(f"there is no backup at {self.url}: `tidemill backup --to {self.url}` makes one")
        if name is not None and name not in names:
            raise WrongUse(f"there is no backup {name!r} at {self.url}; there are {', '.join(names)}")
        try:
            return self.read(name or names[-1])
        except Damaged as error:
            others = ", ".join(other for other in names if other != (name or names[-1]))
            raise Damaged(
                f"{error}; {f'--at takes another: {others}' if others else 'there is no other here'}"
            ) from None

    def read(self, name: str) -> Backup:
        """A backup's description. Raises Damaged."""
        place = below(self.url, f"{BACKUPS}/{name}.json")
        try:
            with reaching(place):
                data = read_bytes(place, LARGEST)
        except FileNotFoundError:
            raise Damaged(f"{place} is not there any more") from None
        found = Backup.from_bytes(data, place)
        if found.name != name:
            raise Damaged(f"{place} describes another backup, {found.name}")
        return found

    def write(self, backup: Backup) -> None:
        """From now on it is a backup."""
        write(below(self.url, f"{BACKUPS}/{backup.name}.json"), backup.to_bytes())

    def put(self, data: bytes) -> str:
        """Keep these bytes, once; gives their SHA-256. What is written is read again and compared."""
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self.objects():
            write(self.place(digest), data)
            self._known = self.objects() | {digest}
            self.get(digest, afresh=True)
            self.written += len(data)
        return digest

    def objects(self) -> set[str]:
        """Digests of all objects that are there."""
        if self._known is None:
            self._known = {path.rpartition("/")[2] for path in files_below(f"{self.url}/{OBJECTS}")}
        return self._known

    def place(self, digest: str) -> str:
        """Where an object lies."""
        return below(self.url, f"{OBJECTS}/{digest[:2]}/{digest}")

    def get(self, digest: str, *, afresh: bool = False) -> bytes:
        """An object. Raises Damaged where it is not there or has another digest."""
        if self._last[0] == digest and not afresh:
            return self._last[1]
        place = self.place(digest)
        try:
            with reaching(place):
                data = read_bytes(place, LARGEST)
        except FileNotFoundError:
            raise Damaged(f"{place} is missing") from None
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise Damaged(f"{place} is damaged: it has SHA-256 {found}")
        self._last = (digest, data)
        return data

    def content(self, file: Stored) -> bytes:
        """The bytes of a file. Raises Damaged."""
        data = self.get(file.object)[file.at : file.at + file.bytes]
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise Damaged(f"{self.place(file.object)} is damaged: {file.path} is not in it as it was")
        return data

    def put_listing(self, files: list[Stored]) -> str:
        """Keep a list of files; gives the digest of its object. Raises NotPossible for one that could not be read."""
        lines = "\n".join(json.dumps(asdict(file), sort_keys=True, separators=(",", ":")) for file in files).encode()
        if len(lines) > LARGEST_LISTING:
            raise NotPossible(f"a list of {len(files):,} files has more than {LARGEST_LISTING:,} bytes")
        return self.put(gzip.compress(lines, mtime=0))

    def listing(self, part: Part) -> list[Stored]:
        """The files of a part. Raises Damaged."""
        try:
            lines = inflated(self.get(part.listing), LARGEST_LISTING, "gzip").decode().splitlines()
            return [Stored(**json.loads(line)) for line in lines]
        except (ValueError, TypeError, RecursionError) as error:
            raise Damaged(f"{self.place(part.listing)} lists no files: {error}") from None


def read_source(url: str) -> bytes:
    """A file of the platform's. Raises FileNotFoundError, NotPossible."""
    with reaching(url):
        try:
            return read_bytes(url, LARGEST)
        except TooLarge as error:
            raise NotPossible(f"{error}: such files are not backed up") from None
