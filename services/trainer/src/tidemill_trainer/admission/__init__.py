"""Retrain requests: read, held against the governor's rules, written down as runs."""
