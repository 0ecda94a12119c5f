"""docs/reference says what the code says."""

from __future__ import annotations

import json
import re
import sys

from tests.contract.contract import ROOT
from tidemill.setting_names import SETTING_NAMES

sys.path.insert(0, str(ROOT / "scripts"))
import reference

WRITTEN = reference.written(ROOT)


def rows(name: str) -> set[str]:
    """What stands in code in the first column of a page's tables."""
    text = WRITTEN[reference.FOLDER / name]
    return set(re.findall(r"^\| `([^`]+)`", text, re.MULTILINE))


def test_what_follows_from_the_code_has_been_written_and_nothing_else_is_there() -> None:
    there = {path.relative_to(ROOT) for path in (ROOT / reference.FOLDER).rglob("*") if path.is_file()}
    stale = [str(path) for path, text in WRITTEN.items() if path not in there or (ROOT / path).read_text() != text]
    assert stale == [], "run `make reference`"
    assert there - WRITTEN.keys() - {reference.FOLDER / "README.md"} == set()


def test_every_setting_stands_in_the_reference_with_what_it_means() -> None:
    text = WRITTEN[reference.FOLDER / "settings.md"]
    assert rows("settings.md") | {"run_file"} == set(SETTING_NAMES) and "`TIDEMILL_RUN_FILE`" in text
    assert not re.search(r"\| *\|$", text, re.MULTILINE)


def test_every_metric_that_a_module_declares_stands_in_the_reference() -> None:
    declared = [path.read_text() for path in ROOT.glob("*/*/src/**/metrics.py") if "prometheus" in path.read_text()]
    names = {name for text in declared for name in re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(\w+)"', text)}
    told = rows("metrics.md")
    assert {name for name in names if name not in told and f"{name}_total" not in told} == set()
    assert len(told) == len(names)


def test_every_route_of_the_services_stands_in_the_reference() -> None:
    for name in ("ingest", "serve"):
        document = json.loads(WRITTEN[reference.FOLDER / f"openapi/{name}.json"])
        assert document["openapi"].startswith("3.1") and document["paths"]
    assert {"POST /v1/events/{model}", "POST /v1/models/{model}/predict"} <= rows("rest.md")


def test_every_command_stands_in_the_reference() -> None:
    text = WRITTEN[reference.FOLDER / "commands.md"]
    from tidemill_cli.app import COMMANDS

    assert [name for name in COMMANDS if f"\n## tidemill {name}\n" not in text] == []
    assert "\n### tidemill models reproduce\n" in text and "\n### tidemill-validator\n" in text


def test_every_topic_that_an_entity_keys_and_every_field_of_each_model_stands_in_the_data_map() -> None:
    from reference_pages.data_map import CARRIES

    from tidemill.contracts.model_file import load_models
    from tidemill.contracts.topics import TopicCatalog

    keyed = {spec.role for spec in TopicCatalog.load(ROOT / "schemas").specs if spec.key in ("entity", "as-came")}
    assert keyed - CARRIES.keys() == set(), "say in scripts/reference_pages/data_map.py what of a record is there"
    fields = {
        field["name"]
        for spec in load_models(ROOT / "models").values()
        for field in json.loads((ROOT / "schemas" / "models" / spec.schema_file).read_text())["fields"]
    }
    assert fields - rows("data-map.md") == set()
