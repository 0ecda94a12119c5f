from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from tidemill.service.footprint import leave_out
leave_out("colorsys")
try:
    import colorsys
except ModuleNotFoundError as error:
    print(error.name)
import calendar
print(calendar.MONDAY)
"""


def test_a_package_that_is_left_out_seems_not_to_be_installed_and_others_are() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["colorsys", "0"]
