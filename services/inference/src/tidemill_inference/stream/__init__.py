"""Predictions on the stream."""
