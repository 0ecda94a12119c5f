"""Contracts, codec, exactly-once Kafka runtime and telemetry of Tidemill."""
