"""Avro schemas: read, compared with their history, found by topic."""
