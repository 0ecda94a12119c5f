"""What others would use for the same work: programs of their own, which import nothing of ours (see `benchmarks.peers`)."""
