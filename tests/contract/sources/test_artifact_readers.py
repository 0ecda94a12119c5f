"""Whoever reads an artifact that a topic names does so by `tidemill.artifact.ArtifactStore`: place and signature are
asked."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MAY = {
    "services/inference/src/tidemill_inference/versions/fetcher.py": "`loader.py` and `cache.py` ask for the place "
    "before, and it is given the keys",
    "services/trainer/src/tidemill_trainer/release/trial/vetting.py": "where it is given no store",
}
BARE = re.compile(r"\bfetch_artifact\(")


def readers(sources: dict[str, str]) -> list[str]:
    return sorted(name for name, text in sources.items() if BARE.search(text) and name not in MAY)


def test_nobody_reads_an_artifact_past_the_store() -> None:
    found = [*ROOT.glob("services/*/src/**/*.py"), *ROOT.glob("libs/*/src/**/*.py")]
    own = ROOT / "libs/core/src/tidemill/artifact"
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in found if not path.is_relative_to(own)}
    assert readers(sources) == []
    assert readers({"services/x.py": "artifact = fetch_artifact(uri, digest)"}) == ["services/x.py"]
