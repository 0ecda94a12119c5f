"""What serves and why: the only writer of the published versions."""
