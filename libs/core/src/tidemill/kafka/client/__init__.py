"""Clients of Kafka: their settings, readers up to an end, writers, topics."""
