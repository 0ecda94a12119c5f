"""Expectations over Arrow columns."""
