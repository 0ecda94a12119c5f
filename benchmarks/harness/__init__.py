"""What every benchmark runs in: its broker, its processes, its sizes, its findings."""
