"""The expectations, one file for each kind."""
