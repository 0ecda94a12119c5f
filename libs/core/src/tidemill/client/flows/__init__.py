"""What a client does, as generators of requests: the same for both."""
