"""The AsyncAPI document of the topics: valid by AsyncAPI's own JSON Schema, and true to topics.yaml and the schemas.

`make asyncapi` asks AsyncAPI's own parser as well, which needs Node.
"""

from __future__ import annotations

import json
from typing import Any

import fastavro
import pytest
import yaml
from jsonschema import Draft7Validator

from tests.contract.contract import ROOT, SCHEMAS, catalog, models, topics
from tidemill.contracts.topics import TopicSpec

SPECIFICATION = json.loads((ROOT / "tests/contract/formats/asyncapi/3.0.0.schema.json").read_text())
DOCUMENT: dict[str, Any] = yaml.load(
    (ROOT / "docs/reference/asyncapi.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
each = pytest.mark.parametrize("spec", topics().specs, ids=lambda spec: spec.role)


def messages(role: str) -> list[dict[str, Any]]:
    """What may be on a topic, by the channel's references."""
    names = [
        found["$ref"].removeprefix("#/components/messages/")
        for found in DOCUMENT["channels"][role]["messages"].values()
    ]
    return [DOCUMENT["components"]["messages"][name] for name in names]


def test_the_document_is_one_of_asyncapi_3() -> None:
    Draft7Validator.check_schema(SPECIFICATION)
    judge = Draft7Validator(SPECIFICATION)
    assert [error.message[:200] for error in judge.iter_errors(DOCUMENT)] == []
    assert not judge.is_valid(DOCUMENT | {"channels": {"raw": {"address": 7}}})


@each
def test_a_channel_says_what_topics_yaml_says(spec: TopicSpec) -> None:
    channel = DOCUMENT["channels"][spec.role]
    assert channel["address"] == spec.pattern and channel["x-owner"] == spec.owner
    binding = channel["bindings"]["kafka"]
    assert binding.get("partitions") == spec.partitions
    told = {name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in binding["topicConfiguration"].items()}  # fmt: skip
    assert told == dict(spec.config)
    found = {
        action: {name.split(".")[0] for name, one in DOCUMENT["operations"].items()
                 if one["channel"]["$ref"] == f"#/channels/{spec.role}" and one["action"] == action}
        for action in ("send", "receive")
    }  # fmt: skip
    assert found == {"send": {*spec.producers} - {"users"}, "receive": {*spec.consumers} - {"users"}}


@each
def test_a_message_has_the_schema_that_is_on_the_topic(spec: TopicSpec) -> None:
    payloads = [message["payload"]["schema"] for message in messages(spec.role) if "payload" in message]
    for payload in payloads:
        fastavro.parse_schema(json.loads(json.dumps(payload)))
    if spec.schema is None:
        assert payloads == []
    elif spec.per_model:
        for model in models().keys() & {path.stem for path in (ROOT / "models").glob("*.yaml")}:
            assert catalog().for_topic(spec.role, model).json in payloads
    else:
        assert payloads == [json.loads((SCHEMAS / f"{spec.schema}.avsc").read_text())]
