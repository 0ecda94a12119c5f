"""A registry that speaks Confluent's REST API, by Confluent's own client. Needs the extra `tidemill-core[registry]`.

The client knows passwords, OAuth, mutual TLS and proxies; this module says what its answers mean here. An answer that
is none (HTML from a proxy, a body cut short, a token endpoint that is away) and refused credentials may all pass
while the process lives: they are RetryLater, and nobody's records are bad because of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from tidemill.codec.registry.client import Entry
from tidemill.errors import ConfigError, RetryLater

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema as RegistrySchema

T = TypeVar("T")

TIMEOUT_S = 10.0
RETRY_S = 1.0
REFUSED_S = 5.0  # a person has to do something first
NOT_FOUND = (40401, 40402, 40403)
"""The registry's own words for no such subject, version, schema: a proxy's 404 has none of them."""


class HttpRegistry:
    """A Confluent-compatible registry over HTTP; nothing connects before the first call. Threads may share it.

    What was found is kept; what was not found is asked for again whenever somebody asks.
    """

    def __init__(self, url: str, properties: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """`url`: one address or several with commas; the first may carry user and password. `properties`: the client's
        own settings (`basic.auth.user.info`, `ssl.ca.location`, `ssl.certificate.location`, `ssl.key.location`,
        `bearer.auth.*`, `proxy`).

        Raises ConfigError where they cannot be used.
        """
        try:
            from confluent_kafka.schema_registry import SchemaRegistryClient
        except ImportError as error:
            raise ConfigError(f"a schema registry needs the extra `tidemill-core[registry]`: {error}") from error
        plain, userinfo = _without_userinfo(url)
        given = {**({"basic.auth.user.info": userinfo} if userinfo else {}), **(properties or {})}
        self._url = plain
        try:
            self._client = SchemaRegistryClient({"url": plain, "timeout": timeout_s, "max.retries": 0, **given})
        except (ValueError, TypeError, OSError) as error:  # ssl.SSLError is an OSError
            raise ConfigError(f"the settings of the schema registry at {plain} cannot be used: {error}") from error
        self._ids: dict[tuple[str, str], int] = {}

    def register(self, subject: str, text: str) -> int:
        from confluent_kafka.schema_registry import Schema

        key = (subject, text)
        if key not in self._ids:
            schema = Schema(text, "AVRO")
            self._ids[key] = int(self._ask(lambda: self._client.register_schema(subject, schema), f"subject {subject}"))
        return self._ids[key]

    def entry(self, schema_id: int) -> Entry | None:
        return self._found(lambda: self._entry(self._client.get_schema(schema_id)), f"id {schema_id}")

    def version(self, subject: str, version: int) -> Entry | None:
        what = f"version {version} of {subject}"
        return self._found(lambda: self._entry(self._client.get_version(subject, version).schema), what)

    def problems(self, subject: str, text: str) -> list[str]:
        """Why the registry would refuse this schema as the subject's next; empty where it would take it, or
        knows no such subject. Raises RetryLater when it is away.
        """
        path = f"compatibility/subjects/{quote(subject, safe='')}/versions/latest?verbose=true"
        body = {"schema": text}
        # The client's own method for this keeps the yes or no and drops the reasons.
        try:
            answer = self._found(lambda: dict(self._client._rest_client.post(path, body)), f"subject {subject}")
        except _Refused as refused:  # no schema at all, by the registry's reading
            return [str(refused)]
        if answer is None or answer.get("is_compatible", True):
            return []
        return [str(message) for message in answer.get("messages") or ["it is not compatible"]]

    def compatibility(self) -> str:
        """The registry's global mode, such as BACKWARD or NONE. Raises RetryLater when it is away."""
        return str(self._ask(self._client.get_compatibility, "its mode") or "NONE")

    @staticmethod
    def _entry(found: RegistrySchema | None) -> Entry:
        if found is None or not isinstance(found.schema_str, str):
            raise ValueError("an answer without a schema")
        references = tuple((str(r.name), str(r.subject), int(r.version or 0)) for r in found.references or ())
        return Entry(found.schema_type or "AVRO", found.schema_str, references)

    def _found(self, ask: Callable[[], T], what: str) -> T | None:
        try:
            return self._ask(ask, what)
        except _NotThere:
            return None

    def _ask(self, ask: Callable[[], T], what: str) -> T:
        from confluent_kafka.schema_registry import SchemaRegistryError

        try:
            return ask()
        except SchemaRegistryError as error:
            raise self._meaning(error.http_status_code, error.error_code, error.error_message, what) from error
        except Exception as error:  # whatever httpx, a token endpoint or an answer that is none leads the client to
            self._client.clear_caches()  # type: ignore[no-untyped-call]  # it keeps what was no answer as if it were one
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            told = f"the schema registry at {self._url} cannot be reached, or gives no answer for {what}: {said}"
            raise RetryLater(told, delay_s=RETRY_S) from error

    def _meaning(self, status: int, code: int, message: Any, what: str) -> RetryLater:
        told = str(message)[:200]
        if status in (401, 403):
            return RetryLater(
                f"the schema registry at {self._url} refuses the credentials (status {status}): mend them in "
                "TIDEMILL_SCHEMA_REGISTRY_URL or TIDEMILL_SCHEMA_REGISTRY_PROPERTIES, or there",
                delay_s=REFUSED_S,
            )
        if status == 404 and code in NOT_FOUND:
            return _NotThere(f"the schema registry at {self._url} has no {what}", delay_s=RETRY_S)
        if status in (409, 422):
            return _Refused(f"the schema registry refuses the schema of {what}: {told}", delay_s=REFUSED_S)
        return RetryLater(f"the schema registry at {self._url} answered {status} for {what}: {told}", delay_s=RETRY_S)


class _NotThere(RetryLater):
    """The registry's definite word that it has no such thing."""


class _Refused(RetryLater):
    """The registry does not take a schema. Somebody may change its mode, or the schema."""


def _without_userinfo(url: str) -> tuple[str, str]:
    """Addresses without user and password, which must not come into messages, and the first's as user:password."""
    plain, found = [], ""
    for one in url.split(","):
        parts = urlsplit(one.strip())
        if parts.username and not found:
            found = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        plain.append(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")))
    return ",".join(plain), found
