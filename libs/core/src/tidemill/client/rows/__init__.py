"""Rows and tables as callers have them, and as they are sent."""
