"""Schemas by number: a schema registry's client, and what was looked up there."""
