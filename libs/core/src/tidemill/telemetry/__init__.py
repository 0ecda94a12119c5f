"""Logs, traces and metrics. Import from the modules; the package itself imports nothing."""
