"""A model's drift for people and programs: a table, one page, JSON."""
