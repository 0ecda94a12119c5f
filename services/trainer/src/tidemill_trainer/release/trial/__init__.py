"""A version that proves itself on traffic."""
