"""Who calls: API keys and their secret, tokens (JWT), and who they stand for."""
