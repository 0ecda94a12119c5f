"""Takes from the stores what nothing refers to any more, and never what a version, a trace or an audit needs."""
