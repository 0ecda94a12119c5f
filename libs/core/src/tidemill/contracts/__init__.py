"""The contract in Python: topics, schemas, model files and the platform's own events, all read from `schemas/`.

Import from the modules, not from here: `topics`, `schemas.catalog`, `events.platform`, `model_file`,
`schemas.compatibility`, `schemas.history`. Nothing here talks to Kafka.
"""
