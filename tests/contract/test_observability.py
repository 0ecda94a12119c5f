"""What the collectors and Loki are told agrees with what the services do and with where they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.contract import ROOT
from tidemill.telemetry import kept

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
COLLECTORS = sorted((DEPLOY / "otel").glob("[!k]*.yaml"))


def read(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text())


def kinds_kept() -> set[str]:
    """What stands under `tidemill.kept` anywhere in the code."""
    found = set()
    for path in [*ROOT.glob("libs/*/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")]:
        text = path.read_text(encoding="utf-8")
        if "KEPT" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                found |= {
                    v.value for k, v in pairs if isinstance(k, ast.Name) and k.id == "KEPT" and hasattr(v, "value")
                }
    return found


@pytest.mark.parametrize("path", COLLECTORS, ids=lambda path: path.name)
def test_a_pipeline_names_only_what_is_set_up_and_all_of_it(path: Path) -> None:
    told = yaml.safe_load(path.read_text())
    for part in ("receivers", "processors", "exporters"):
        used = {name for pipeline in told["service"]["pipelines"].values() for name in pipeline[part]}
        assert used == told[part].keys()
    assert set(told["service"].get("extensions", [])) == told.get("extensions", {}).keys()


def test_the_collector_keeps_what_services_have_recorded_whatever_was_sampled() -> None:
    policies = {one["name"]: one for one in read("otel/collector.yaml")["processors"]["tail_sampling"]["policies"]}
    (by_name,) = [one["string_attribute"] for one in policies.values() if one["type"] == "string_attribute"]
    assert by_name["key"] == kept.KEPT and set(by_name["values"]) == kinds_kept() == {"request", "release", "swap"}
    assert policies["failed"]["status_code"] == {"status_codes": ["ERROR"]}
    status = policies["refused"]["numeric_attribute"]
    assert f'"{status["key"]}"' in Path(kept.__file__).read_text() and status["min_value"] == 400


def test_a_trace_is_decided_on_before_it_is_sent_in_batches() -> None:
    (pipeline,) = read("otel/collector.yaml")["service"]["pipelines"].values()
    assert pipeline["processors"] == ["memory_limiter", "tail_sampling", "batch"]


def test_everybody_is_where_others_look_for_it() -> None:
    services = COMPOSE["services"]
    told = yaml.safe_dump([read(f"otel/{path.name}") for path in COLLECTORS])
    sources = read("grafana/provisioning/datasources/tidemill.yml")["datasources"]
    asked = re.findall(r"(?:http://|endpoint: )([a-z]+):(\d+)", told) + [
        tuple(one["url"].removeprefix("http://").split(":")) for one in sources
    ]
    assert {host for host, _ in asked} == {"jaeger", "loki", "prometheus"} <= services.keys()
    assert {port for host, port in asked if host == "loki"} == {
        str(read("loki/loki.yaml")["server"]["http_listen_port"])
    }
    known = {one["uid"] for one in sources}
    linked = re.findall(r"datasourceUid: (\w+)", (DEPLOY / "grafana/provisioning/datasources/tidemill.yml").read_text())
    assert set(linked) <= known == {"prometheus", "jaeger", "loki"}
    assert "--enable-feature=exemplar-storage" in services["prometheus"]["command"]


def test_logs_are_kept_for_thirty_days_and_then_deleted() -> None:
    told = read("loki/loki.yaml")
    assert told["limits_config"]["retention_period"] == f"{30 * 24}h" and told["compactor"]["retention_enabled"] is True


def test_docker_says_of_which_service_a_line_is_and_keeps_its_files_small() -> None:
    label = "com.docker.compose.service"
    for name, entry in COMPOSE["services"].items():
        if name == "bucket":  # runs once
            continue
        assert entry["logging"]["options"]["labels"] == label and "max-size" in entry["logging"]["options"], name
    assert label in (DEPLOY / "otel/logs.yaml").read_text()
