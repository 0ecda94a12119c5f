"""Topics and rights on a Kafka that is already there: planned, compared, applied, or written as a script."""
