"""The platform's own events as frozen types, and data from them and to them."""
