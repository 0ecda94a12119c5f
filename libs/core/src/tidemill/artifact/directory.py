"""Write an artifact so that nobody sees a half of it; fetch it so that nobody is served another one."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.artifact.manifest import MANIFEST_FILE, Manifest, sha256
from tidemill.artifact.signing import MAX_SIGNATURE_BYTES, SIGNATURE_FILE, Signs, Trusts
from tidemill.stores import TooLarge, join, read_bytes, unwatched, write_bytes

MAX_MANIFEST_BYTES = 1 << 20
MAX_FILE_BYTES = 256 << 20
"""A forest of 500 deep trees is below 100 MB: what is larger is a mistake or an attack."""
MAX_FILES = 16


@dataclass(frozen=True, slots=True)
class Artifact:
    """A fetched artifact: every file in `files` has the digest that the manifest states."""

    manifest: Manifest
    files: Mapping[str, bytes]


def artifact_uri(root: str, model: str, version: int, run_id: str) -> str:
    """Where a version lies: `<root>/<model>/<version>-<run_id>`."""
    return join(root, model, f"{version}-{run_id}")


def write_artifact(uri: str, files: Mapping[str, bytes], manifest: Manifest, signer: Signs | None = None) -> str:
    """Write `files`, then the signature by `signer` if there is one, then the manifest with the files' digests. Gives
    the manifest's digest (SHA-256 hex of its bytes).

    The manifest comes last: a directory without one is no artifact. Repeating an interrupted write is safe.
    Raises ValueError for a file name with a path in it, OSError when the store is away.
    """
    if {MANIFEST_FILE, SIGNATURE_FILE} & set(files) or len(files) > MAX_FILES:
        raise ValueError(f"an artifact has at most {MAX_FILES} files beside {MANIFEST_FILE}")
    for name, data in files.items():
        write_bytes(join(uri, name), data)
    document = replace(manifest, files={name: sha256(data) for name, data in files.items()}).to_bytes()
    if signer is not None:
        write_bytes(join(uri, SIGNATURE_FILE), signer.sign(document))
    write_bytes(join(uri, MANIFEST_FILE), document)
    return sha256(document)


def fetch_artifact(
    uri: str, digest: str, only: Collection[str] | None = None, watch: Callable[[int], None] = unwatched,
    keys: Trusts | None = None,
) -> Artifact:  # fmt: skip
    """Read the artifact at `uri` whose manifest has `digest`; `only` names the files to read (default: all).
    `watch` as in `read_bytes`. `keys`: one of them (a key, an identity) must have signed the manifest, before a byte of
    it is read as more than bytes; None: none need have. What comes from topics is fetched by `trusted.ArtifactStore`,
    which also asks where it lies.

    Raises ArtifactError when anything is missing, too large or has another digest; another OSError when the
    store is away (worth trying again).
    """
    document = _read(join(uri, MANIFEST_FILE), MAX_MANIFEST_BYTES, watch)
    _verify(MANIFEST_FILE, document, digest)
    if keys is not None:
        keys.check(document, _signature(uri, watch))
    manifest = Manifest.from_bytes(document)
    if len(manifest.files) > MAX_FILES:
        raise ArtifactError(f"{uri}: more than {MAX_FILES} files", Reason.MANIFEST)
    files = {}
    for name in manifest.files if only is None else only:
        if name not in manifest.files:
            raise ArtifactError(f"{uri}: the manifest knows no {name}", Reason.MANIFEST)
        files[name] = _read(_inside(uri, name), MAX_FILE_BYTES, watch)
        _verify(name, files[name], manifest.files[name])
    return Artifact(manifest, files)


def _signature(uri: str, watch: Callable[[int], None]) -> bytes | None:
    try:
        return read_bytes(join(uri, SIGNATURE_FILE), MAX_SIGNATURE_BYTES, watch)
    except TooLarge as error:
        raise ArtifactError(str(error), Reason.UNSIGNED) from error
    except FileNotFoundError:
        return None


def _inside(uri: str, name: str) -> str:
    try:
        return join(uri, name)
    except ValueError as error:
        raise ArtifactError(f"{uri}: {error}", Reason.MANIFEST) from error


def _read(uri: str, limit: int, watch: Callable[[int], None]) -> bytes:
    try:
        return read_bytes(uri, limit, watch)
    except TooLarge as error:
        raise ArtifactError(str(error), Reason.SIZE) from error
    except FileNotFoundError as error:
        raise ArtifactError(f"{uri} is not there", Reason.MISSING) from error


def _verify(name: str, data: bytes, digest: str) -> None:
    found = sha256(data)
    if not hmac.compare_digest(found, digest.lower()):
        raise ArtifactError(f"{name} has SHA-256 {found}, not {digest}", Reason.DIGEST)
