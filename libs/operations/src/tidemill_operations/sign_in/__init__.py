"""Signing people in by OpenID Connect, for the command line: authorization code with PKCE on a loopback address."""
