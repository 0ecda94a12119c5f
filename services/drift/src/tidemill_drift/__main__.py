"""`python -m tidemill_drift profile|detect`."""

from __future__ import annotations

import sys

from tidemill_drift.main import main

if __name__ == "__main__":
    sys.exit(main())
