"""`python -m tidemill_trainer`."""

from __future__ import annotations

import sys

from tidemill_trainer.main import main

sys.exit(main())
