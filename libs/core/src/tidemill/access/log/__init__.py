"""The access log: who asked an HTTP interface for what, from where, and how it was answered."""
