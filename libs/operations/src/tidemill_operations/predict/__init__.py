"""Scoring by command line: files, and the clean topic anew."""
