"""A project of one's own: begun, checked, recorded."""
