"""Settings of *serve* and *stream*, beside those that all services share."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tidemill.settings import CommonSettings


class InferenceSettings(CommonSettings):
    """What both entry points need."""

    onnx_threads: int = Field(1, ge=1, description="Threads of ONNX Runtime inside one scoring call.")
    swap_poll_ms: int = Field(50, ge=1, description="How often model-versions is asked for news, in ms.")


class StreamSettings(InferenceSettings):
    """Settings of `tidemill-inference stream`."""

    worker_set: str = Field(
        "default",
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Name of the worker set: its group, with `models`.",
    )
    batch_size: int = Field(5_000, ge=1, description="Most records in one batch and transaction.")
    batch_linger_ms: int = Field(50, ge=0, description="How long a transaction waits to fill up, in ms.")


class ServeSettings(InferenceSettings):
    """Settings of `tidemill-inference serve`."""

    max_body_kb: int = Field(1_024, ge=1, description="Largest request body, in KiB.")
    max_instances: int = Field(1_000, ge=1, description="Most instances in one request.")
    retry_after_s: int = Field(2, ge=1, description="Retry-After where a model has no version yet, in seconds.")
    prediction_log_size: int = Field(10_000, ge=1, description="Most REST predictions that wait to be logged.")
    drain_s: int = Field(10, ge=1, description="How long a stop waits for requests in flight, in seconds.")
    privacy_key_file: Path | None = Field(
        None,
        description="File with the key of `privacy: hash`, the validators' own; needed where a model file hashes.",
    )
