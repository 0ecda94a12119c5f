"""Sigstore's servers, built once from Go's modules that `go/go.sum` pins by hash.

Newer ones of Rekor (from 2.4 on) and of the timestamp authority (from 2.1.4 on) ask for Go 1.27. After a change of
`go/go.mod`, `go mod tidy -e` writes `go.sum`: a test of Fulcio's own asks for a module that Go's proxy does not give,
which no build does.

`python -m tests.sigstore.tools` builds what is missing; ends with 1, saying why, where it cannot.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.processes.go_programs import ToolsMissing, check_go, go_build

HERE = Path(__file__).resolve().parent
GO_AT_LEAST = (1, 26)
"""Fulcio's own module asks for it."""
PROGRAMS = {
    "ct-log": "github.com/transparency-dev/tesseract/cmd/tesseract/posix",
    "fulcio": "./fulcio",
    "timestamp-authority": "./timestamp",
    "rekor": "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix",
}
"""By the names that they get here: which package of the module in `go` each is."""


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def built() -> bool:
    """Whether all are there."""
    return not _missing()


def tools(say: Callable[[str], None] = _say) -> Path:
    """The folder of `PROGRAMS`, each there: `.tools/sigstore/bin`, or `bin` where TIDEMILL_SIGSTORE_TOOLS says.

    Builds what is missing, with a line a program. Raises ToolsMissing without Go.
    """
    missing = _missing()
    if missing:
        check_go(GO_AT_LEAST, "Sigstore's servers are built from Go's modules")
    for name in missing:
        go_build(HERE / "go", PROGRAMS[name], _folder() / name, say)
    return _folder()


def _missing() -> list[str]:
    return [name for name in PROGRAMS if not (_folder() / name).exists()]


def _folder() -> Path:
    named = os.environ.get("TIDEMILL_SIGSTORE_TOOLS") or HERE.parent.parent / ".tools/sigstore"
    return Path(named).absolute() / "bin"


def main() -> int:
    """0 where all is there."""
    try:
        tools()
    except ToolsMissing as missing:
        print(f"Sigstore cannot be run here: {missing}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
