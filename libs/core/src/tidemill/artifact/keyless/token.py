"""The identity token by which a signature is asked for, had anew for each: they live for minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tidemill.artifact.keyless.library import one_line
from tidemill.errors import ConfigError

if TYPE_CHECKING:
    from sigstore.oidc import IdentityError, IdentityToken

__all__ = ["AUDIENCE", "SETTING", "identity_token"]

SETTING = "TIDEMILL_SIGNING_IDENTITY_TOKEN_FILE"
AUDIENCE = "sigstore"
_MOST_BYTES = 32 << 10
"""A token goes as one header of a request; those of Kubernetes and GitHub have 1 to 3 KiB."""


def identity_token(path: Path | None) -> IdentityToken:
    """From a file, which is read now, or from where this process runs (GitHub Actions, GitLab, Google, Buildkite, …).
    Raises ConfigError where there is none, or one that the authority would refuse; OSError where who gives tokens is
    away. No message holds the token.
    """
    from sigstore.oidc import IdentityError, IdentityToken

    raw, where = (_of_file(path), f"the token in {path}") if path is not None else (_ambient(), "the token found here")
    try:
        return IdentityToken(raw, AUDIENCE)
    except IdentityError as error:
        raise ConfigError(f"{where} is not taken ({SETTING}): {_why(error)}") from None


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        told = f"{path} ({SETTING}) cannot be read: {error.strerror}. {_CURE}"
        raise ConfigError(told) from error
    try:
        token = data.decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if not token or len(data) > _MOST_BYTES:
        raise ConfigError(f"{path} ({SETTING}) has no identity token. {_CURE}")
    return token


def _ambient() -> str:
    from sigstore.oidc import IdentityError, detect_credential

    try:
        found = detect_credential(AUDIENCE)
    except IdentityError as error:
        told = f"an identity token is to be had here, and was not given: {one_line(error)}"
        if _is_of_network(error):
            raise OSError(told) from error
        raise ConfigError(f"{told}. On GitHub the job needs `permissions: {{id-token: write}}`") from error
    if found is None:
        raise ConfigError(f"there is no identity token here: set {SETTING}. {_CURE}")
    return found


def _is_of_network(error: BaseException) -> bool:
    """By what raised it: requests' errors are OSErrors."""
    cause = error.__cause__ or error.__context__
    return cause is not None and (isinstance(cause, OSError) or _is_of_network(cause))


def _why(error: IdentityError) -> str:
    from jwt import ExpiredSignatureError, InvalidAudienceError, MissingRequiredClaimError

    cause = error.__cause__
    if isinstance(cause, InvalidAudienceError):
        return f"it is for another audience than `{AUDIENCE}`. Ask for one of that audience"
    if isinstance(cause, ExpiredSignatureError) or "validity" in str(error):
        return "it has expired, or is not valid yet. Whatever writes the file has to write it anew in time"
    if isinstance(cause, MissingRequiredClaimError):
        return f"it has no `{cause.claim}`. {_CURE}"
    return f"{one_line(error)}. {_CURE}"


_CURE = f"An OpenID token (JWT) for the audience `{AUDIENCE}` is needed (docs/import-a-model.md)"
