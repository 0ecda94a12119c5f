"""One description of how a person's Kafka wants to be spoken to, from the environment and a file.

`TIDEMILL_KAFKA_SASL_USERNAME` is librdkafka's `sasl.username`, and so for every setting; with `_FILE` behind
the name the value is read from that file, as secrets are. `TIDEMILL_KAFKA_PROPERTIES` names a file in Java's
syntax with librdkafka's or Java's names; the environment goes over the file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tidemill.errors import ConfigError
from tidemill.kafka.pass_through.properties import read_properties, to_librdkafka
from tidemill.kafka.pass_through.protected import IGNORED, refusal

__all__ = ["MSK_IAM", "ClientSettings", "load_client_settings"]

PREFIX: Final = "TIDEMILL_KAFKA_"
MSK_IAM: Final = "AWS_MSK_IAM"
_SECRET_WORDS: Final = (
    "password",
    "secret",
    "key.pem",
    "jaas",
    "token.value",
    "oauthbearer.config",
    "assertion",
)
HIDDEN: Final = "*****"


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Settings by librdkafka's names. Its text, and `redact`, never show a secret."""

    values: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """The setting's value, None where it is not given."""
        return self.values.get(name)

    @property
    def mechanism(self) -> str | None:
        """The SASL mechanism in capitals; None without SASL."""
        if not self.protocol.startswith("SASL"):
            return None
        return (self.get("sasl.mechanism") or "PLAIN").upper()

    @property
    def protocol(self) -> str:
        """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
        return (self.get("security.protocol") or "PLAINTEXT").upper()

    @property
    def shown(self) -> dict[str, str]:
        """All settings, secrets hidden."""
        return {name: HIDDEN if is_secret(name) else value for name, value in sorted(self.values.items())}

    def redact(self, text: str) -> str:
        """`text` without the secrets that may stand in it."""
        for name, value in self.values.items():
            if is_secret(name) and len(value) > 3:
                text = text.replace(value, HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"ClientSettings({self.shown})"


def is_secret(name: str) -> bool:
    """Whether a setting's value must not be shown."""
    return any(word in name for word in _SECRET_WORDS)


def load_client_settings(
    environ: Mapping[str, str], properties: Path | None = None, taken: Collection[str] = ()
) -> ClientSettings:
    """What `environ` and the file say. `taken`: variables that are settings of the platform's own.

    Raises ConfigError for a secret's file that cannot be read and for each setting that is protected, with the
    reason. No message holds a value.
    """
    given = read_properties(properties) if properties is not None else {}
    given |= to_librdkafka(_from_environment(environ, taken))
    given = {name: value for name, value in given.items() if name not in IGNORED}
    refused = [why for name, value in given.items() if (why := refusal(name, value))]
    if refused:
        raise ConfigError("; ".join(refused))
    kept = {name: value for name, value in given.items() if not _is_ours(name)}
    _check(kept)
    return ClientSettings(kept)


def _is_ours(name: str) -> bool:
    from tidemill.kafka.pass_through.protected import PROTECTED

    return name in PROTECTED


def _from_environment(environ: Mapping[str, str], taken: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable in taken:
            continue
        name = variable.removeprefix(PREFIX)
        if name.endswith("_FILE"):
            name = name.removesuffix("_FILE")
            if f"{PREFIX}{name}" in environ:
                raise ConfigError(f"{PREFIX}{name} and {variable} are both set: keep one")
            value = _secret(variable, Path(value))
        found[name.lower().replace("_", ".")] = value
    return found


def _secret(variable: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{variable}: {path} cannot be read: {reason}") from None


def _check(values: Mapping[str, str]) -> None:
    settings = ClientSettings(values)
    protocols = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    if settings.protocol not in protocols:
        raise ConfigError(f"security.protocol must be one of {', '.join(protocols)}")
    if settings.mechanism is None and any(name.startswith("sasl.") for name in values):
        raise ConfigError(
            "there are sasl settings, but security.protocol is not SASL_SSL or SASL_PLAINTEXT: "
            f"set {PREFIX}SECURITY_PROTOCOL=SASL_SSL"
        )
    need = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
    if settings.mechanism in need and not (settings.get("sasl.username") and settings.get("sasl.password")):
        raise ConfigError(
            f"{settings.mechanism} needs {PREFIX}SASL_USERNAME and {PREFIX}SASL_PASSWORD_FILE (or _SASL_PASSWORD)"
        )
