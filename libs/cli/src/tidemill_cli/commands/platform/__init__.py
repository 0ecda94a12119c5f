"""Commands about the platform itself: its processes, its topics, its keys."""
