from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tidemill.artifact import ArtifactStore
from tidemill.errors import RetryLater
from tidemill_trainer.assess.answers import Versions


def test_a_version_that_serves_and_cannot_be_read_is_waited_for_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    versions = Versions("tide", "binary", ArtifactStore(tmp_path.as_uri()), lambda version: None)
    rows, target = pa.table({"x": [1.0, 2.0]}), np.array([0, 1])
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with pytest.raises(RetryLater, match="version 4 serves and cannot be read"):
                versions.answers(rows, target, [4], 4)
    assert [record.getMessage() for record in caplog.records] == [
        "version 4 of tide cannot be read: nobody knows where version 4 lies"
    ]
