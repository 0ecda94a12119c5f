"""Expectations over Arrow columns: one kernel a rule."""
