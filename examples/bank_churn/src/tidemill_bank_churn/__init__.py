"""Customers of a bank who leave or stay: a seeded generator with settable drift and late labels."""
