"""A load generator for HTTP/1.1 on loopback, a process of its own: `python -m benchmarks.loadgen --help`."""
