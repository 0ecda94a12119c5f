"""Freezes what the release of now writes, for the code of later to read: the one script behind `test_last_release.py`.

`python -m tests.contract.releases.freeze FOLDER`, with the folder in which the quick start has run (`make
release-check` with TIDEMILL_RELEASE_FOLDER=FOLDER). What was frozen of the release before goes: it was held until now.

    surface.json                 names of the public surface (scripts/surface.py)
    events/NAME.avsc, .avro      a record of each schema as it lies on its topic, and its schema
    project/                     model file, record, history, tidemill.yaml with every setting stated
    artifact/, trusted.pem       a version as trained: manifest, signature, graph, golden rows, reference
    database.sql.xz              runs, versions, label time, outbox, keys, as SQLite has them
    states/                      what a detector keeps, what a commit says beside its offset, how far a file was pushed
"""

from __future__ import annotations

import json
import lzma
import re
import shutil
import sqlite3
import sys
from pathlib import Path

import yaml

import tidemill
from tests.contract.contract import AVSC, ROOT, catalog, example, models, spelled_out
from tests.unit.learning.drift import streams
from tidemill.codec.codec import Codec
from tidemill.config_file import CONFIG_FILE
from tidemill.contracts.schemas.catalog import Schema, read_schema
from tidemill.json.rows import from_json
from tidemill.kafka.partitions.marks import Attempt, Mark
from tidemill_learning.drift.detection.detector import Detector
from tidemill_operations.project.settings_classes import settings_by_part

sys.path.insert(0, str(ROOT / "scripts"))
from surface import surface

RELEASES = Path(__file__).parent
MARK = Mark("AAAAAAAAAAAAAAAAAAAAAQ", removed=3, renewed=1, attempt=Attempt(1_200, 500, 2))


def main() -> None:
    quick_start = Path(sys.argv[1]) / "shop"
    for old in RELEASES.glob("[0-9]*"):
        shutil.rmtree(old)
    target = RELEASES / tidemill.__version__
    target.mkdir()
    text = json.dumps(surface(), indent=1, ensure_ascii=False, sort_keys=True)
    (target / "surface.json").write_text(text + "\n", encoding="utf-8")
    freeze_events(target / "events")
    freeze_project(quick_start, target / "project")
    freeze_version(quick_start / "var", target)
    freeze_database(quick_start / "var" / "tidemill.db", target / "database.sql.xz")
    freeze_states(quick_start / "var", target / "states")
    print(f"frozen: {target.relative_to(ROOT)}")


def freeze_events(folder: Path) -> None:
    """The valid example of every schema, as it is written to its topic."""
    folder.mkdir()
    codec = Codec(catalog())
    for path in AVSC:
        schema = read_schema(path)
        (folder / f"{path.stem}.avsc").write_text(json.dumps(schema.json, indent=1) + "\n", encoding="utf-8")
        datum = from_json(example(path.stem, "valid"), spelled_out(path))
        (folder / f"{path.stem}.avro").write_bytes(codec.encode_one(datum, schema))


def current(name: str) -> Schema:
    """A platform's schema, or the record of a model of the repository."""
    return catalog().record(name) if name in models() else catalog().platform(name)


def freeze_project(project: Path, folder: Path) -> None:
    """Models of the repository and of the quick start, and a tidemill.yaml that states each setting's default."""
    for part in ("models", "schemas/models"):
        shutil.copytree(project / part, folder / part)
        shutil.copytree(ROOT / part, folder / part, dirs_exist_ok=True)
    stated = {
        key: field.get_default(call_default_factory=True) for _, own in settings_by_part() for key, field in own.items()
    }
    plain = {key: value for key, value in stated.items() if isinstance(value, str | int | float) and value != ""}
    (folder / CONFIG_FILE).write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")


def freeze_version(var: Path, target: Path) -> None:
    """The first version that the quick start trained, and the key that signed it."""
    (first,) = (var / "artifacts" / "orders").glob("1-*")
    shutil.copytree(first, target / "artifact")
    shutil.copyfile(var / "keys" / "trusted.pem", target / "trusted.pem")


def freeze_database(database: Path, target: Path) -> None:
    """As the statements that make it; without paths of the machine on which it was made."""
    connection = sqlite3.connect(database)
    try:
        text = "\n".join(connection.iterdump())
    finally:
        connection.close()
    text = re.sub(re.escape(str(database.parents[2])), "/srv/quick-start", text)
    target.write_bytes(lzma.compress(text.encode()))


def freeze_states(var: Path, folder: Path) -> None:
    """What processes keep for the process after them."""
    folder.mkdir()
    spec = streams.model(window=200)
    detector = Detector(spec, "c")
    detector.set_champion(streams.published(), streams.reference())
    for profile in streams.profiles_of(spec, streams.logs(1_000)):
        detector.apply(profile, 1_000)
    (folder / "drift.bin").write_bytes(detector.to_bytes())
    (folder / "mark.json").write_text(MARK.text() + "\n", encoding="utf-8")
    shutil.copyfile(sorted((var / "push").glob("*.json"))[0], folder / "push.json")


if __name__ == "__main__":
    main()
