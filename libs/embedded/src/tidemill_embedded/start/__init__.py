"""The start of a platform: what is waited for, and for how long."""
