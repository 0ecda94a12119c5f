"""What a failed signature means: something that a person must mend, or something that is worth trying again."""

from __future__ import annotations

import json
from typing import Any, Final

from tidemill.artifact.keyless.library import one_line
from tidemill.errors import ConfigError

__all__ = ["what_it_means"]

_AGAIN: Final = frozenset({408, 425, 429})
_MOST_STATUS: Final = 499


def what_it_means(error: Exception, setting: str) -> ConfigError | OSError:
    """ConfigError or OSError, with what is known of the reason."""
    from requests import ConnectionError, JSONDecodeError, RequestException, Timeout
    from sigstore.errors import Error, TUFError, VerificationError
    from sigstore.models import InvalidBundle
    from sigstore.oidc import ExpiredIdentity

    if isinstance(error, ExpiredIdentity):
        return ConfigError(f"{setting}: the identity token has expired before it was used")
    if (response := _response(error)) is not None:
        return _answered(response, setting)
    if isinstance(error, TUFError):
        return OSError(f"{setting}: sigstore's trust root cannot be brought up to date: {one_line(error)}. {_TUF}")
    if isinstance(error, VerificationError):
        return ConfigError(
            f"{setting}: the certificate is none of the trust root's authority and log: {one_line(error)}"
        )
    if isinstance(error, InvalidBundle):  # a silent timestamp authority is but a warning to the library
        return OSError(
            f"{setting}: what proves the signature is not whole, nobody said when it was made: {one_line(error)}"
        )
    if isinstance(error, ConnectionError | Timeout):
        return OSError(f"{setting}: sigstore does not answer: {one_line(error)}")
    of_the_address = isinstance(error, RequestException) and isinstance(error, ValueError)
    if isinstance(error, Error) or (of_the_address and not isinstance(error, JSONDecodeError)):
        return ConfigError(f"{setting}: {one_line(error)}")
    return OSError(f"{setting}: sigstore answered what cannot be taken: {type(error).__name__}: {one_line(error)}")


def _response(error: BaseException) -> Any:
    """The HTTP answer that stands behind an error of the library, which keeps it in the chain alone."""
    seen: BaseException | None = error
    while seen is not None:
        found = getattr(seen, "response", None)
        if found is not None:
            return found
        seen = seen.__cause__ or seen.__context__
    return None


def _answered(response: Any, setting: str) -> ConfigError | OSError:
    said, status = response.text, response.status_code
    try:
        said = json.loads(said)["message"]
    except (ValueError, KeyError, TypeError):
        said = said[:300]
    told = f"{setting}: {response.url} answers {status}: {' '.join(str(said).split())[:300]}"
    if status in _AGAIN or not 400 <= status <= _MOST_STATUS:
        return OSError(told)
    return ConfigError(f"{told}. Does that authority know the token's issuer, and take it for the audience `sigstore`?")


_TUF = "It is kept below XDG_DATA_HOME and XDG_CACHE_HOME, which have to be writable"
