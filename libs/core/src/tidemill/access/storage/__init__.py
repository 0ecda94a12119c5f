"""Keys and the audit log in the relational database."""
