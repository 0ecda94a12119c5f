"""No topic is named in code, and the check bites. The rule stands in `checks/topic_names.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.checks.topic_names import topic_name_problems
from tidemill.contracts.topics import TopicCatalog

ROOT = Path(__file__).parents[3]
SPECS = TopicCatalog.load(ROOT / "schemas").specs


def test_no_module_names_a_topic() -> None:
    assert topic_name_problems(ROOT, SPECS) == []


def module(root: Path, text: str) -> Path:
    folder = root / "services" / "trainer" / "src" / "tidemill_trainer"
    folder.mkdir(parents=True)
    (folder / "a.py").write_text(text)
    return root


@pytest.mark.parametrize(
    "text",
    [
        'topic = "model-versions"',
        'topic = f"{model}-raw"',
        'topic = prefix + "flight-delay-labels"',
        'topic = name + "-dlq"',
        'send(topic="retrain-requests", value=b"")',
    ],
)
def test_a_name_in_code_is_found(tmp_path: Path, text: str) -> None:
    (found,) = topic_name_problems(module(tmp_path, text), SPECS)
    assert "services/trainer: a.py:1 names the topic" in found


@pytest.mark.parametrize(
    "text",
    [
        '"""Reads model-versions."""',
        'topics.name("model_versions")',
        'log.info("no version on model-versions yet")',
        'schemas.platform("model-version")',
        'topics.name("labels_raw", model)',
    ],
)
def test_roles_schemas_and_sentences_are_no_names(tmp_path: Path, text: str) -> None:
    assert topic_name_problems(module(tmp_path, text), SPECS) == []
