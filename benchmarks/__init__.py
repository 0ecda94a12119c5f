"""Speed of the hot path beside its limit and its peers, all from the same run: `make bench`."""
