"""`python -m tidemill_ingest`."""

from __future__ import annotations

import sys

from tidemill_ingest.main import main

if __name__ == "__main__":
    sys.exit(main())
