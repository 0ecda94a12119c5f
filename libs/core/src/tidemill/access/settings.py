"""Settings of access, for every service with an HTTP interface."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from tidemill.settings import CommonSettings
from tidemill.web.doors import DoorLimits
from tidemill.web.visitors import Names, Visitors, is_loopback


class AccessSettings(CommonSettings):
    """Who may ask. Access is on unless it is switched off by name."""

    auth: Literal["on", "off", "off-everywhere"] = Field(
        "on",
        description="Whether callers need a key or a token. off holds on a loopback address alone (a service on "
        "another one does not start); off-everywhere leaves it to something in front.",
    )
    keys_refresh_s: float = Field(5.0, gt=0, description="After how long a new or revoked key holds, in seconds.")
    jwt_jwks: str | None = Field(None, description="URL of the key set that signs tokens; without one: keys only.")
    jwt_audience: str | None = Field(None, description="The audience that a token must be for.")
    jwt_issuer: str | None = Field(None, description="The issuer that a token must be of; none: any with its keys.")
    jwt_algorithms: Annotated[tuple[Literal["RS256", "ES256"], ...], NoDecode] = Field(
        ("RS256", "ES256"), min_length=1, description="Signatures of tokens, separated by commas: RS256, ES256."
    )
    rate_limit: str = Field("", description="Rate of a caller whose key says none, e.g. 1000/second; empty: no limit.")
    auth_failures: int = Field(
        20, ge=0, description="Failed keys and tokens of one address, and of one key id, in a minute; who fails more "
        "often is told to wait (429), what proves somebody is let in all the same. 0: no limit."
    )  # fmt: skip
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Networks of proxies whose X-Forwarded-For is believed, separated by commas, e.g. 10.0.0.0/8."
    )
    access_log: Literal["on", "off"] = Field(
        "off",
        description="on: a JSON line in the log for every request that is not for health, metrics or the description: "
        "who asked for what, from where, and how it was answered; off, since it costs time and room at each request.",
    )
    max_connections: int = Field(
        512, ge=1, description="Open connections. At the limit the one that is idle longest makes room; where none is, "
        "further requests are 503, but for health."
    )  # fmt: skip
    head_timeout_s: float = Field(
        10.0, gt=0, description="How long a connection may say nothing, and the head of a request may take, in s."
    )
    body_timeout_s: float = Field(
        30.0, gt=0, description="How long a body may take, in s; a second more for each 16 KiB of it."
    )
    redis_url: str | None = Field(
        None, description="Redis for rates over all processes: redis://HOST:PORT/0, rediss:// over TLS, unix://SOCKET; "
        "without one: per process.",
    )  # fmt: skip
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of web pages that may ask, separated by commas; * for all, empty: none but its own."
    )

    @field_validator("jwt_algorithms", "cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network, strict=False)
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        """One spelling for all that ask Redis: each library has others of its own."""
        if not value:
            return None
        scheme, _, rest = value.partition("://")
        if scheme not in ("redis", "rediss", "unix", "redis+unix") or not rest:
            raise ValueError(
                "an address of Redis is redis://HOST:PORT/0, rediss://HOST:PORT/0 or unix:///PATH/OF/SOCKET"
            )
        return f"{scheme.removeprefix('redis+')}://{rest}"

    def door_limits(self) -> DoorLimits:
        """How many connections, and how slow they may be."""
        return DoorLimits(self.max_connections, self.head_timeout_s, self.body_timeout_s)

    def visitors(self) -> Visitors:
        """Which names are answered, and which pages may ask."""
        names: Mapping[str, Names] = {"on": "any", "off": "loopback", "off-everywhere": "private"}
        return Visitors(names[self.auth], (*self.allowed_hosts, *self._own_host()), self.cors_origins)

    def _own_host(self) -> tuple[str, ...]:
        """The address that it listens on is a name of its own, where it is one and the names matter."""
        return (self.host,) if self.auth != "on" or self.allowed_hosts else ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.auth == "off" and not is_loopback(self.host):
            raise ValueError(
                f"TIDEMILL_AUTH=off does not hold on {self.host}, which others can reach: leave it on and make a key "
                "with `tidemill keys create`, or say off-everywhere if something in front asks for one"
            )
        if self.jwt_jwks and not self.jwt_audience:
            raise ValueError("TIDEMILL_JWT_JWKS needs TIDEMILL_JWT_AUDIENCE: a token for another service is not for us")
        return self
