"""What an ingest process is told by its environment."""

from __future__ import annotations

from pydantic import Field

from tidemill.access.settings import AccessSettings


class IngestSettings(AccessSettings):
    """Settings of one ingest process, beside those that all services share."""

    max_body_bytes: int = Field(4_194_304, ge=1_024, description="Largest request body, in bytes; larger is 413.")
    max_items: int = Field(10_000, ge=1, description="Most events or labels in one request; more is 413.")
    idempotency_ttl_s: int = Field(
        86_400, ge=1, description="How long the answer to a request with an Idempotency-Key is remembered, in s."
    )
    delivery_timeout_ms: int = Field(
        10_000,
        ge=100,
        description="How long a request waits for Kafka's acknowledgement, in ms; then it is 503.",
    )
    retry_after_s: int = Field(2, ge=1, description="What Retry-After says while Kafka is away, in s.")
    drain_s: int = Field(15, ge=0, description="How long requests under way may take at shutdown, in s.")
