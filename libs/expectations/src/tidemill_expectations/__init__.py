"""Expectations over columns, in the vocabulary of Great Expectations."""
