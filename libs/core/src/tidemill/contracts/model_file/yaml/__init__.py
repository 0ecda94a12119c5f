"""YAML with positions: what is read, and where it stood."""
