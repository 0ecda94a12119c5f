"""Settings of *serve* and *stream*, beside those that all services share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from tidemill.access.settings import AccessSettings
from tidemill.settings import CommonSettings


class InferenceSettings(CommonSettings):
    """What both entry points need."""

    onnx_threads: int = Field(1, ge=1, description="Threads of ONNX Runtime inside one scoring call.")
    model_memory_mb: int = Field(
        0,
        ge=0,
        description="Memory for loaded models, in MiB: models are loaded when they are wanted, the least recently used "
        "is let go. 0: no limit, all are loaded and kept.",
    )
    swap_poll_ms: int = Field(50, ge=1, description="How often model-versions is asked for news, in ms.")
    fetch_timeout_s: float = Field(
        60.0, gt=0, description="How long the fetch of one artifact may take before it is put off, in s."
    )
    fetch_silence_s: float = Field(
        10.0, gt=0, description="How long a fetch goes on while the store sends less than 64 KiB, in s."
    )


class StreamSettings(InferenceSettings):
    """Settings of `tidemill-inference stream`."""

    worker_set: str = Field(
        "default",
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Name of the worker set: its group, with `models`.",
    )
    batch_size: int = Field(5_000, ge=1, description="Most records in one batch and transaction.")
    batch_linger_ms: int = Field(50, ge=0, description="How long a transaction waits to fill up, in ms.")


class ServeSettings(AccessSettings, InferenceSettings):
    """Settings of `tidemill-inference serve`."""

    max_body_kb: int = Field(1_024, ge=1, description="Largest request body, in KiB.")
    max_instances: int = Field(1_000, ge=1, description="Most instances in one request of JSON or tensors.")
    max_arrow_kb: int = Field(16_384, ge=1, description="Largest body of an Arrow stream, in KiB.")
    max_arrow_rows: int = Field(10_000, ge=1, description="Most rows in one Arrow stream.")
    cache_models: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Models whose scores are cached in Redis, separated by commas; * for all, empty for none."
    )
    cache_ttl_s: int = Field(300, ge=1, description="How long a cached score holds, in s.")
    max_ahead_s: int = Field(86_400, ge=0, description="How far an event time may lie after now, in s.")
    privacy_key_file: Path | None = Field(
        None, description="File with the key of `privacy: hash`, that of the validator."
    )
    retry_after_s: int = Field(2, ge=1, description="Retry-After where a model has no version yet, in seconds.")
    gather_requests: Literal["on", "off"] = Field(
        "on",
        description="on: small requests of one model that came at the same time are scored in one call, where the "
        "model gains by that.",
    )
    prediction_log: Literal["on", "off"] = Field(
        "on",
        description="off: REST predictions are answered and nothing more; they reach neither the training table, nor "
        "drift, nor a trial.",
    )
    prediction_lines: Literal["off", "ids", "features"] = Field(
        "off",
        description="ids: a JSON line in the log for each REST prediction, with its ids, version, answer, caller and "
        "trace; features: with the values of the model's features too, as the model file's privacy rules leave them.",
    )
    prediction_log_size: int = Field(10_000, ge=1, description="Most REST predictions that wait to be logged.")
    batch_threads: int = Field(
        1, ge=1, description="Requests of more than 32 rows that are worked at once; the models take turns."
    )
    batch_queue: int = Field(
        64, ge=1, description="Most such requests of one model that wait; the next one is told to come back (503)."
    )
    drain_s: int = Field(10, ge=1, description="How long a stop waits for requests in flight, in seconds.")

    @field_validator("cache_models", mode="before")
    @classmethod
    def _split_cached(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _cache_needs_redis(self) -> Self:
        if self.cache_models and not self.redis_url:
            raise ValueError("TIDEMILL_CACHE_MODELS needs TIDEMILL_REDIS_URL")
        return self
