"""An anonymised copy, for a person."""
