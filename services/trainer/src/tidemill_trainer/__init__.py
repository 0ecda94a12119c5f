"""Collects rows, admits, trains and releases models."""
