"""Sigstore's own servers on this machine, to sign and verify without keys: `make sigstore-test`, not `make test`."""
