"""Who may ask an HTTP interface for what: keys, tokens, scopes, rates and the audit log.

One implementation for every service. `authorizer` decides without a web framework; `middleware` is its thin
ASGI layer. Needs the extra `access`.
"""

from __future__ import annotations

from tidemill.access.credentials.callers import Caller, Scope

__all__ = ["Caller", "Scope"]
