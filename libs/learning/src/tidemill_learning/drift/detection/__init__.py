"""From profiles of all partitions to drift events: the reduce half."""
