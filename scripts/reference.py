"""Writes docs/reference from the code: model file, settings, commands, metrics, REST, topics, data map. `make
reference` runs it, where one of them has changed; a contract test says where it was forgotten. The same code gives the
same bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml
from reference_pages import asyncapi, commands, data_map, metrics, model_file, rest, settings, topics

from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("docs/reference")


def main() -> int:
    """Writes what differs, and names it."""
    for path, text in written(ROOT).items():
        target = ROOT / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            print(f"reference: wrote {path}")
    return 0


def written(root: Path) -> dict[Path, str]:
    """Every file of the reference, by its path below `root`."""
    specs = load_models(root / "models")
    catalog = TopicCatalog.load(root / "schemas")
    schemas = SchemaCatalog.load(root / "schemas", specs)
    described = rest.documents(root)
    files = {
        "model-file.md": model_file.written(),
        "settings.md": settings.written(),
        "commands.md": commands.written(),
        "metrics.md": metrics.written(),
        "rest.md": rest.written(described),
        "topics.md": topics.written(catalog, schemas),
        "data-map.md": data_map.written(catalog, schemas, specs),
        "asyncapi.yaml": _yaml(asyncapi.document(catalog, schemas, specs)),
        **{f"openapi/{name}.json": _json(document) for name, document in described.items()},
    }
    return {FOLDER / name: text for name, text in files.items()}


def _json(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _yaml(document: dict[str, object]) -> str:
    head = "# Written by scripts/reference.py (`make reference`); do not edit.\n"
    return head + yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


class _Plain(yaml.SafeDumper):
    """Without anchors: what stands twice is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


if __name__ == "__main__":
    sys.exit(main())
