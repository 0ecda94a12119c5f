"""Validates raw events and labels, exactly once."""
