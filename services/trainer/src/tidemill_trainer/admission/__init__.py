"""Retrain requests: read, held against the rules of admission, written down as runs."""
