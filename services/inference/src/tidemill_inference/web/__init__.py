"""The REST protocol over the dataplane."""
