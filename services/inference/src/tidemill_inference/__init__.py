"""Serves predictions by REST and on the stream, hot-swapping models."""
