"""Commands about versions: trained, imported, signed, on trial, released."""
