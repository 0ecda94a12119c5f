"""Settings that all services share, read from the environment when they are built (`TIDEMILL_*`).

A service subclasses `CommonSettings` and adds its own documented fields.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, PrivateAttr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tidemill.errors import ConfigError
from tidemill.kafka.pass_through import ClientSettings, load_client_settings
from tidemill.secret_files import SUFFIX, from_files
from tidemill.web.tls.files import TlsFiles

__all__ = ["CommonSettings", "KafkaSettings"]

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class KafkaSettings(BaseSettings):
    """How to reach Kafka and how its clients behave. Each setting may be read from a file that its variable with _FILE
    behind its name names, as secrets are.
    """

    model_config = SettingsConfigDict(env_prefix="TIDEMILL_", extra="ignore", populate_by_name=True)

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka's addresses, HOST:PORT, separated by commas.")
    kafka_properties: Path | None = Field(
        None,
        description="Further client settings from a Java-style properties file. Each may also be a variable: "
        "TIDEMILL_KAFKA_SECURITY_PROTOCOL, TIDEMILL_KAFKA_SASL_USERNAME and so on; with _FILE behind its name "
        "the value is read from a file (TIDEMILL_KAFKA_SASL_PASSWORD_FILE).",
    )
    prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9._-]*$", description="Put before every topic, group and transactional id."
    )
    transaction_timeout_ms: int = Field(
        10_000,
        ge=1_000,
        description="How long an open transaction of a dead worker can block readers, in ms.",
    )
    session_timeout_ms: int = Field(
        10_000,
        ge=1_000,
        description="After how long without heartbeat a group member loses its partitions, in ms.",
    )
    heartbeat_ms: int = Field(500, ge=100, description="Heartbeat of a group member, in ms; bounds a rebalance's gap.")
    group_protocol: Literal["classic", "consumer"] = Field(
        "classic",
        description="How validator and stream share partitions: classic (cooperative-sticky), or consumer "
        "(KIP-848, brokers from 4.0; session timeout and heartbeat are then the brokers').",
    )
    compression: Literal["none", "lz4", "zstd", "snappy", "gzip"] = Field(
        "lz4", description="Compression of what is produced."
    )
    linger_ms: float = Field(5.0, ge=0, description="How long a producer waits to fill a batch, in ms.")
    fetch_buffer_kb: int = Field(
        16_384, ge=1_024, description="Memory for records fetched ahead by a consumer, in KiB."
    )
    stuck_after_s: float = Field(
        300.0,
        gt=0,
        description="How long validator and stream may work at one batch before the process ends itself, in s; past "
        "five minutes a member has lost its partitions anyway.",
    )
    _kafka_client: ClientSettings = PrivateAttr(default_factory=ClientSettings)

    @property
    def kafka_client(self) -> ClientSettings:
        """What a person's Kafka asks of any client: security above all; secrets are never shown."""
        return self._kafka_client

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        return from_files(os.environ, cls.model_fields, "TIDEMILL_") | values

    @model_validator(mode="after")
    def _load_client_settings(self) -> Self:
        names = {f"TIDEMILL_{name.upper()}" for name in type(self).model_fields}
        taken = names | {name + SUFFIX for name in names}
        try:
            given = load_client_settings(os.environ, self.kafka_properties, taken)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        servers = given.get("bootstrap.servers")
        if servers and "kafka_bootstrap" not in self.model_fields_set:
            self.kafka_bootstrap = servers
        self._kafka_client = ClientSettings(
            {name: value for name, value in given.values.items() if name != "bootstrap.servers"}
        )
        return self


class CommonSettings(KafkaSettings):
    """What every service needs beside Kafka: the contract, addresses, logs and telemetry, stores."""

    schemas: Path = Field(
        Path("schemas"),
        description="Folder of the models' records, in models/; with topics.yaml in it, of the platform's schemas too.",
    )
    models_dir: Path = Field(Path("models"), description="Folder with one YAML file per model.")
    models: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Models that this process serves, separated by commas; empty: all in the folder."
    )
    contract_every_s: float = Field(
        2.0,
        gt=0,
        description="How often a running process looks for new and changed model files and records, in s; what two "
        "looks in a row find is taken up.",
    )
    schema_registry_url: str | None = Field(
        None,
        validation_alias=AliasChoices("TIDEMILL_SCHEMA_REGISTRY_URL", "SCHEMA_REGISTRY_URL"),
        description="Confluent-compatible schema registry; without one: Avro single objects.",
    )
    schema_registry_properties: Path | None = Field(
        None,
        description="Further settings of the registry's client from a properties file, under the names of Confluent's "
        "Python client: basic.auth.user.info, ssl.ca.location, ssl.certificate.location, ssl.key.location, "
        "bearer.auth.credentials.source, proxy and so on.",
    )
    partitions: int = Field(4, ge=1, description="Partitions of a model's topics where they are created.")
    replication_factor: int = Field(
        -1, ge=-1, description="Replicas of topics that are created; -1 leaves it to the brokers."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, ge=0, le=65_535, description="Port for the API, metrics and health; 0 takes a free one.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Names by which this service is asked, separated by commas, *.example.org for all below one, "
        "* for any. Those of this machine always hold. Where none is given: with keys, or for health and metrics alone "
        "on an address that others reach, any; with off-everywhere also addresses and names of a private network "
        "(ingest, x.svc, x.internal)."
    )  # fmt: skip
    tls_certificate: Path | None = Field(
        None, description="Certificate by which every HTTP door of this process speaks TLS (PEM: its own first, then "
        "those between it and its authority); with tls_key. Files that change are taken up while the process runs.",
    )  # fmt: skip
    tls_key: Path | None = Field(None, description="Private key of the certificate (PEM); may be the same file.")
    tls_key_password_file: Path | None = Field(
        None, description="File with the password of tls_key, where it is encrypted; read anew with the key."
    )
    hsts_max_age_s: int = Field(
        31_536_000, ge=0, description="With TLS: for how long browsers ask by https alone, in s "
        "(Strict-Transport-Security); 0 takes it back.",
    )  # fmt: skip
    instance: int = Field(0, ge=0, description="Ordinal of this worker among its kind; part of its transactional id.")
    log_level: LogLevel = Field("INFO", description="Least level that is logged.")
    log_file: Path | None = Field(None, description="File for the JSON log lines; without one they go to stderr.")
    otlp_endpoint: str | None = Field(None, description="OTLP/HTTP collector for traces, e.g. http://collector:4318.")
    spans_dir: Path | None = Field(None, description="Folder for spans as JSON lines, one file per process.")
    trace_ratio: float = Field(0.01, ge=0, le=1, description="Share of traces that are sampled, decided at the head.")
    artifacts: str = Field("var/artifacts", description="Model artifacts: a folder or an fsspec URL (s3://, gs://).")
    tables: str = Field("var/tables", description="Delta Lake training tables: a folder or a URL.")
    database_url: str = Field("sqlite:///var/tidemill.db", description="Relational state, as an SQLAlchemy URL.")
    mlflow_tracking_uri: str = Field(
        "sqlite:///var/mlflow.db", description="MLflow tracking store or server; empty: no MLflow."
    )

    signatures: Literal["required", "off"] = Field(
        "required",
        description="required: a version is used only if one of `trusted_keys` or `trusted_identities` has signed it. "
        "off: versions that nobody has signed are used as well, and none are signed.",
    )
    trusted_keys: Path = Field(
        Path("var/keys/trusted.pem"),
        description="Public keys (Ed25519 or P-256, PEM, one after the other) whose signatures count; read anew at "
        "each load.",
    )
    signing_key: Path = Field(
        Path("var/keys/signing.pem"),
        description="Private key (Ed25519, PEM) by which the trainer and `tidemill models import` sign.",
    )
    signing_service: str = Field(
        "",
        description="What signs in place of `signing_key`: `awskms:///KEY` (id, alias/NAME or ARN of a key of AWS KMS, "
        "ECC_NIST_P256), `exec:PROGRAM` (of one's own, for another key service), or `sigstore:` (an identity and no "
        "key, by sigstore's public good instance; `sigstore:PATH`: by the deployment of a ClientTrustConfig).",
    )
    signing_identity_token_file: Path | None = Field(
        None,
        description="OpenID token for the audience `sigstore`, by whose identity `sigstore:` signs; read anew for each "
        "signature. Without one: the token of where the process runs (GitHub Actions, GitLab, Google, …).",
    )
    trusted_identities: Path | None = Field(
        None,
        description="Identities whose signatures count, beside `trusted_keys`: a YAML list of `identity` and `issuer`, "
        "both exact; read anew at each load. Needs `sigstore_trust_root`, and the extra sigstore.",
    )
    sigstore_trust_root: Path | None = Field(
        None,
        description="Certificates and keys of the sigstore deployment by which identities are verified "
        "(trusted_root.json or a ClientTrustConfig); read anew at each load, and nothing is asked.",
    )
    proof_timeout_s: float = Field(
        30.0, gt=0, description="How long a model may take to load and answer in the process that proves it, in s."
    )
    proof_memory_mb: int = Field(
        1_024, ge=64, description="Memory that a model may take there beside six times its size, in MiB."
    )

    @field_validator(
        "tls_certificate", "tls_key", "tls_key_password_file",
        "signing_identity_token_file", "trusted_identities", "sigstore_trust_root", mode="before",
    )  # fmt: skip
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """As Compose writes a variable that nobody has set."""
        return value if value != "" else None

    @field_validator("models", "allowed_hosts", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if self.tls_certificate and not self.tls_key:
            raise ValueError("TIDEMILL_TLS_CERTIFICATE needs TIDEMILL_TLS_KEY: name the file of its private key")
        for name in ("tls_key", "tls_key_password_file"):
            if getattr(self, name) and not self.tls_certificate:
                raise ValueError(f"TIDEMILL_{name.upper()} needs TIDEMILL_TLS_CERTIFICATE: name the file of it")
        return self

    @model_validator(mode="after")
    def _identities_are_whole(self) -> Self:
        if self.trusted_identities and not self.sigstore_trust_root:
            raise ValueError(
                "TIDEMILL_TRUSTED_IDENTITIES needs TIDEMILL_SIGSTORE_TRUST_ROOT: name the file that verifies them"
            )
        return self

    def tls_files(self) -> TlsFiles | None:
        """The files of the certificate that HTTP doors serve with; None where they speak plain HTTP."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return TlsFiles(self.tls_certificate, self.tls_key, self.tls_key_password_file)
