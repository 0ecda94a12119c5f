"""Schemas by number: a registry that speaks Confluent's REST API."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from tidemill.errors import ConfigError, RetryLater

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
TIMEOUT_S = 10.0
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A schema as a registry keeps it. `kind`: AVRO, JSON or PROTOBUF. `references`: (name by which the text imports
    it, subject, version).
    """

    kind: str
    text: str
    references: tuple[tuple[str, str, int], ...] = ()


class Registry(Protocol):
    """Where schema ids are looked up and given out. Answers never change, so both methods may be cached for
    ever.
    """

    def schema(self, schema_id: int) -> str | None:
        """The schema's text; None where the registry says that there is no such id. Raises RetryLater when
        it is away.
        """

    def register(self, subject: str, text: str) -> int:
        """The id of a schema under a subject, given out where it has none. Raises RetryLater or ConfigError
        (refused).
        """

    def entry(self, schema_id: int) -> Entry | None:
        """The schema of any kind under an id; None where there is none. Raises RetryLater when it is away."""

    def version(self, subject: str, version: int) -> Entry | None:
        """The schema of any kind under a subject's version; None where there is none. Raises RetryLater."""


class HttpRegistry:
    """A Confluent-compatible registry over HTTP. `url` may carry user and password; nothing connects before
    the first call.

    Not thread-safe in the sense that two first look-ups of an id may both ask; the answers are equal.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        self._headers = {"Accept": CONTENT_TYPE, "Content-Type": CONTENT_TYPE}
        if parts.username:
            token = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            self._headers["Authorization"] = "Basic " + base64.b64encode(token).decode()
        host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._timeout_s = timeout_s
        self._entries: dict[str, Entry] = {}
        self._texts: dict[int, str] = {}
        self._ids: dict[tuple[str, str], int] = {}

    def schema(self, schema_id: int) -> str | None:
        if schema_id not in self._texts:
            status, body = self._call("GET", f"/schemas/ids/{schema_id}")
            if status == 404:
                return None
            self._texts[schema_id] = str(self._expect(status, body)["schema"])
        return self._texts[schema_id]

    def register(self, subject: str, text: str) -> int:
        key = (subject, text)
        if key not in self._ids:
            status, body = self._call("POST", f"/subjects/{quote(subject, safe='')}/versions", {"schema": text})
            if status in (409, 422):
                raise ConfigError(f"the schema registry refuses the schema for {subject}: {body.get('message', body)}")
            self._ids[key] = int(self._expect(status, body)["id"])
        return self._ids[key]

    def problems(self, subject: str, text: str) -> list[str]:
        """Why the registry would refuse this schema as the subject's next; empty where it would take it, or
        knows no such subject. Raises RetryLater when it is away.
        """
        path = f"/compatibility/subjects/{quote(subject, safe='')}/versions/latest?verbose=true"
        status, body = self._call("POST", path, {"schema": text})
        if status == 404:
            return []
        if status == 422:
            return [str(body.get("message", body))]
        answer = self._expect(status, body)
        if answer.get("is_compatible", True):
            return []
        return [str(message) for message in answer.get("messages") or ["it is not compatible"]]

    def compatibility(self) -> str:
        """The registry's global mode, such as BACKWARD or NONE. Raises RetryLater when it is away."""
        answer = self._expect(*self._call("GET", "/config"))
        return str(answer.get("compatibilityLevel") or answer.get("compatibility") or "NONE")

    def entry(self, schema_id: int) -> Entry | None:
        return self._entry(f"/schemas/ids/{schema_id}")

    def version(self, subject: str, version: int) -> Entry | None:
        return self._entry(f"/subjects/{quote(subject, safe='')}/versions/{version}")

    def _entry(self, path: str) -> Entry | None:
        if path not in self._entries:
            status, body = self._call("GET", path)
            if status == 404:
                return None
            found = self._expect(status, body)
            references = [(r["name"], r["subject"], int(r["version"])) for r in found.get("references") or ()]
            kind = found.get("schemaType") or "AVRO"  # Confluent's registry leaves it out for Avro
            self._entries[path] = Entry(kind, str(found["schema"]), tuple(references))
        return self._entries[path]

    def _expect(self, status: int, body: dict[str, Any]) -> dict[str, Any]:
        if status in (401, 403):
            raise ConfigError(f"the schema registry at {self._url} refuses the credentials (status {status})")
        if status != 200:
            raise RetryLater(f"the schema registry at {self._url} answered {status}: {body}", delay_s=RETRY_S)
        return body

    def _call(self, method: str, path: str, payload: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        data = json.dumps(payload).encode() if payload is not None else None
        request = urllib.request.Request(self._url + path, data=data, headers=self._headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:
                return answer.status, _json(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(error.read())
        except (urllib.error.URLError, OSError) as error:
            raise RetryLater(
                f"the schema registry at {self._url} cannot be reached: {error}", delay_s=RETRY_S
            ) from error


def _json(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {"message": body[:200].decode(errors="replace")}
    return parsed if isinstance(parsed, dict) else {"message": parsed}
