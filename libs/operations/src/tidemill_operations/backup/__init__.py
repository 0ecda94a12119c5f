"""Backups of what a platform cannot make again: database, topics of versions and requests, artifacts, tables."""
