"""What others would use for the same work: programs that import nothing of ours."""
