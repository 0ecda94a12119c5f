"""`python -m tidemill_cli` is `tidemill`."""

from __future__ import annotations

from tidemill_cli.app import main

if __name__ == "__main__":
    main()
