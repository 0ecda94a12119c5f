"""What the HTTP interfaces share: which pages may ask, what a body is, deadlines, metrics, the description's page."""
