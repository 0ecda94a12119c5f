"""Terraform's own word on deploy/terraform: `make terraform`. Not part of `make test`: it needs providers."""
