"""Signatures without a key of one's own: by an identity, which sigstore's authority states in a certificate."""
