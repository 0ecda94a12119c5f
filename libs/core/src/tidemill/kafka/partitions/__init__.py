"""The partitions of a consumer: assigned, marked, lagging, made anew, growing."""
