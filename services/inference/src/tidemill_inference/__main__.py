"""`python -m tidemill_inference`."""

from __future__ import annotations

import sys

from tidemill_inference.main import main

sys.exit(main())
