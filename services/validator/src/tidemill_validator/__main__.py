"""`python -m tidemill_validator`."""

from __future__ import annotations

import sys

from tidemill_validator.main import main

if __name__ == "__main__":
    sys.exit(main())
