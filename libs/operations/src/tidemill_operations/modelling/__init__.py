"""A model file and its record, written from a sample of events."""
