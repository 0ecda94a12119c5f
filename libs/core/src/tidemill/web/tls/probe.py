"""`python -m tidemill.web.tls.probe`: whether the process of this container lives; exit code 0 or 1. Docker asks it."""

from __future__ import annotations

import os
import sys

from tidemill.config_file import apply_config
from tidemill.web.tls.asking import fetch

TIMEOUT_S = 2.0
OK = 200


def main() -> int:
    """Asks by TLS where the settings name a certificate."""
    apply_config()
    certificate = os.environ.get("TIDEMILL_TLS_CERTIFICATE")
    address = f"{'https' if certificate else 'http'}://127.0.0.1:{os.environ['TIDEMILL_PORT']}/health/live"
    status, body = fetch(address, certificate, TIMEOUT_S, 1_000)
    if status == OK:
        return 0
    print(f"{address}: {status or 'no answer'} {body.decode(errors='replace')}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
