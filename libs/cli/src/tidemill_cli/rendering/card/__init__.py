"""A version's model card for people and programs: lines, one page, JSON."""
