"""The media type of a request's body."""

from __future__ import annotations

from collections.abc import Collection

from tidemill.access.authorizer import Refusal
from tidemill.web.visitors import Headers

__all__ = ["JSON", "media_type", "wrong_type"]

JSON = "application/json"


def media_type(headers: Headers) -> str:
    """The type without its parameters, in lower case; empty where there is none. Raises Refusal for two of them."""
    found = [value for name, value in headers if name == b"content-type"]
    if len(found) > 1:
        raise Refusal(415, "unsupported_media_type", "Content-Type stands twice")
    return found[0].partition(b";")[0].strip().lower().decode("latin-1") if found else ""


def wrong_type(given: str, known: Collection[str]) -> Refusal:
    """The refusal of a body of another type. Forms and plain text are what any web page may send anywhere, so JSON must
    be called JSON.
    """
    told = f"a body of type {given[:100]!r}" if given else "a body without a type"
    message = f"{told} is not read: send the header Content-Type: {' or '.join(known)}"
    return Refusal(415, "unsupported_media_type", message)
