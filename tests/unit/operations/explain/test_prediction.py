"""What is no id of a prediction is said, quoted, and never put into a command that somebody may copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.settings import CommonSettings
from tidemill_operations.errors import WrongUse
from tidemill_operations.explain.prediction import find_prediction
from tidemill_operations.platform import PlatformView


@pytest.mark.parametrize("given", ["", "x;DROP", "$(reboot)", "2013-06-13-DL-61-LGA-1800", "`id`"])
def test_what_is_no_prediction_s_id_is_quoted_and_the_hint_names_what_to_put_there(given: str, tmp_path: Path) -> None:
    platform = PlatformView(CommonSettings(schemas=tmp_path, models_dir=tmp_path), {})
    with pytest.raises(WrongUse) as refused:
        find_prediction(platform, given, None)
    said = str(refused.value)
    assert said.startswith(f"{given!r} is not the id of a prediction")
    assert "`tidemill trace EVENT_ID`" in said
