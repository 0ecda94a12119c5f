"""A model file and its record as text, and where they are put."""
