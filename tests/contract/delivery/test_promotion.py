"""The script that moves the branches of environments, against a GitHub that is a folder of refs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GH = r"""#!/bin/sh
# gh as promote.sh asks it: `refs` holds branches, `commits` what tags are, `releases` what is published.
shift
method=GET
[ "$1" = --method ] && { method=$2; shift 2; }
path=$1; shift
for word in "$@"; do
    case "$word" in
    sha=*) sha=${word#sha=} ;;
    ref=*) ref=${word#ref=refs/heads/} ;;
    force=*) force=${word#force=} ;;
    esac
done
case "$method $path" in
"GET repos/o/r/git/ref/heads/"*) cat "$HUB/refs/${path#repos/o/r/git/ref/heads/}" ;;
"GET repos/o/r/releases/tags/"*) cat "$HUB/releases/${path##*/}" ;;
"GET repos/o/r/commits/"*) cat "$HUB/commits/${path##*/}" ;;
"POST repos/o/r/git/refs") [ ! -e "$HUB/refs/$ref" ] && echo "$sha" >"$HUB/refs/$ref" ;;
"PATCH repos/o/r/git/refs/heads/"*)
    name=${path#repos/o/r/git/refs/heads/}
    [ "$force" = true ] || [ "$sha" \> "$(cat "$HUB/refs/$name")" ] || exit 1
    echo "$sha" >"$HUB/refs/$name" ;;
*) echo "nobody asks $method $path" >&2; exit 9 ;;
esac
"""


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """Releases 1.0.0 to 1.2.0 (the last a draft), of commits c1 to c3; nothing is deployed."""
    for folder in ("refs/deployed", "commits", "releases", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    for number, draft in ((0, "false"), (1, "false"), (2, "true")):
        (tmp_path / "commits" / f"v1.{number}.0").write_text(f"c{number + 1}\n")
        (tmp_path / "releases" / f"v1.{number}.0").write_text(f"{draft}\n")
    (tmp_path / "bin/gh").write_text(GH)
    (tmp_path / "bin/gh").chmod(0o755)
    return tmp_path


def promote(hub: Path, *words: str) -> tuple[int, str]:
    env = os.environ | {"PATH": f"{hub / 'bin'}:{os.environ['PATH']}", "HUB": str(hub), "GITHUB_REPOSITORY": "o/r"}
    script = ["sh", str(ROOT / "scripts/delivery/promote.sh"), *words]
    done = subprocess.run(script, env=env, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def deployed(hub: Path) -> dict[str, str]:
    return {path.name: path.read_text().strip() for path in (hub / "refs/deployed").iterdir()}


def test_production_gets_what_staging_has_and_nothing_else(hub: Path) -> None:
    code, said = promote(hub, "v1.0.0", "production")
    assert code == 1 and "put that there first" in said and deployed(hub) == {}
    assert promote(hub, "v1.0.0", "staging")[0] == 0
    assert promote(hub, "v1.0.0", "production")[0] == 0
    assert deployed(hub) == {"staging": "c1", "production": "c1"}
    assert promote(hub, "v1.1.0", "staging")[0] == 0
    assert deployed(hub) == {"staging": "c2", "production": "c1"}
    assert "already" in promote(hub, "v1.1.0", "staging")[1]


def test_a_release_of_before_is_gone_back_to_only_where_that_is_said(hub: Path) -> None:
    for environment in ("staging", "production"):
        promote(hub, "v1.1.0", environment)
    code, said = promote(hub, "v1.0.0", "staging")
    assert code == 1 and "say back" in said and deployed(hub)["staging"] == "c2"
    code, said = promote(hub, "v1.0.0", "production", "back")
    assert code == 0 and "before it had c2" in said
    assert deployed(hub) == {"staging": "c2", "production": "c1"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("v1.2.0", "staging"), "is a draft"),
        (("v9.9.9", "staging"), "no published release"),
        (("main", "staging"), "is no version"),
        (("v1.0.0", "test"), "neither staging nor production"),
        (("v1.0.0", "staging", "sideways"), "neither forward nor back"),
    ],
)
def test_what_is_no_published_release_goes_nowhere(hub: Path, words: tuple[str, ...], why: str) -> None:
    code, said = promote(hub, *words)
    assert code == 1 and why in said and deployed(hub) == {}
