"""The files of a project that begins: folders, settings, CI, what to read first."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from tidemill.config_file import CONFIG_FILE
from tidemill.contracts.shipped import shipped_folder
from tidemill_operations.errors import NotPossible, WrongUse
from tidemill_operations.modelling.files.writing import EDITOR_SCHEMA
from tidemill_operations.project.settings_classes import config_text

FOLDER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
GITIGNORE: Final = """\
# what a platform keeps while it runs here, and the passwords and keys that Compose is given
var/
.env
compose/tls/
.venv/
__pycache__/
"""
CI: Final = """\
# Every change: are model files, records, history and settings right?
name: tidemill
on: [push, pull_request]
permissions: {}
concurrency:
  group: ${{ github.workflow }}-${{ github.ref }}
  cancel-in-progress: true
jobs:
  check:
    name: tidemill check
    runs-on: ubuntu-latest
    timeout-minutes: 15
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with: {persist-credentials: false}
      - uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
        with: {python-version: "3.12"}
      - run: pip install tidemill
      - run: tidemill check
"""
README: Final = """\
# {name}

A project of Tidemill, a machine-learning loop on Kafka that turns by itself.

```
{commands}
```

| here | what it is |
|---|---|
| `models/` | one file for each model: what is predicted, from what, which rows are good |
| `schemas/models/` | the record of each model's events, and every one that it has had |
| `tidemill.yaml` | settings; each stands there with what it means |
| `docker-compose.yml`, `compose/` | the platform in containers: `sh compose/make-env.sh`, `docker compose up --wait` |
| `docker-compose.tls.yml` | the same by TLS: `sh compose/make-certificate.sh`, then `docker compose` with both files |
| `.github/workflows/tidemill.yml` | `tidemill check` at every change |
| `var/` | what a platform keeps that runs here (not for git) |

`tidemill check` says what is wrong, with line and cure, and needs no Kafka. `tidemill models new --from FILE --label
COLUMN` adds a model. As soon as enough labels are in, a first version is trained and served; `tidemill status` says how
many are missing. Then:

```
{ask}
tidemill status            # what runs, what lags, what serves
tidemill drift             # what moved, and what was done about it
```
"""
COMPOSE_FILES: Final = ("docker-compose.yml", "docker-compose.tls.yml")
COMPOSE_SCRIPTS: Final = ("make-env.sh", "make-certificate.sh", "secrets.txt", "databases.sh", "buckets.sh")
ANY_ASK: Final = (
    "curl -s localhost:8082/v1/models/MODEL/predict -H 'content-type: application/json' -d '{\"FIELD\": VALUE}'"
)


def free_folder(name: str) -> Path:
    """The folder of a new project. Raises WrongUse or NotPossible where it cannot be made, or has something in it."""
    folder = Path(name)
    if not FOLDER_NAME.fullmatch(folder.name):
        raise WrongUse(f"{name!r} is no name for a folder: letters, digits, '.', '_' and '-'")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NotPossible(f"{folder} is there and not empty; `tidemill models new` adds a model to a project")
    return folder


def begin(folder: Path) -> list[Path]:
    """Writes everything but models and README; gives the files."""
    texts = dict(compose_files(folder.resolve().name)) | {
        CONFIG_FILE: config_text(folder.resolve().name),
        ".gitignore": GITIGNORE,
        ".github/workflows/tidemill.yml": CI,
        f"schemas/{EDITOR_SCHEMA}": (shipped_folder() / EDITOR_SCHEMA).read_text(encoding="utf-8"),
    }
    for empty in ("models", "schemas/models"):
        (folder / empty).mkdir(parents=True, exist_ok=True)
    return [_written(folder / name, text) for name, text in texts.items()]


def compose_files(name: str) -> Iterator[tuple[str, str]]:
    """The Compose files of a project of that name, as they came with this release: name and text of each."""
    project = re.sub(r"[^a-z0-9_-]+", "-", name.lower())
    tag = importlib.metadata.version("tidemill-operations")
    whole = files("tidemill_operations.project").joinpath("compose")
    for path in (*COMPOSE_FILES, *(f"compose/{script}" for script in COMPOSE_SCRIPTS)):
        text = whole.joinpath(path).read_text(encoding="utf-8")
        yield path, text.replace("@NAME@", project).replace("@TAG@", tag)


def write_readme(folder: Path, commands: Sequence[str], ask: str = ANY_ASK) -> Path:
    """The README with this project's own commands."""
    text = README.format(name=folder.resolve().name, commands="\n".join(commands), ask=ask)
    return _written(folder / "README.md", text)


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
