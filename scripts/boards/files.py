"""Writes Grafana's dashboards out of scripts/boards: `make dashboards`. A contract test says where it was forgotten."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from boards import api, infrastructure, loop, ml, slo, stream

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("deploy/grafana/dashboards")
BOARDS = [module.BOARD for module in (loop, api, stream, ml, infrastructure, slo)]


def main() -> int:
    """Writes what differs, and takes away what no board is."""
    texts = written()
    for path in (ROOT / FOLDER).glob("*.json"):
        if FOLDER / path.name not in texts:
            path.unlink()
            print(f"dashboards: removed {FOLDER / path.name}")
    for path, text in texts.items():
        if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text:
            (ROOT / path).write_text(text, encoding="utf-8")
            print(f"dashboards: wrote {path}")
    return 0


def written() -> dict[Path, str]:
    """Every dashboard, by its path below the repository's root."""
    return {
        FOLDER / f"{board.uid}.json": json.dumps(board.build().build(), cls=JSONEncoder, indent=1, sort_keys=True)
        + "\n"
        for board in BOARDS
    }


if __name__ == "__main__":
    sys.exit(main())
