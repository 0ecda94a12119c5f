"""Streams whose concept changes, made by river's generators with seeds that stand here."""
