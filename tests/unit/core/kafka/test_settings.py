from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tidemill.settings import CommonSettings, KafkaSettings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMILL_KAFKA_BOOTSTRAP", "kafka:9092")
    monkeypatch.setenv("TIDEMILL_MODELS", "flight-delay, telecom-churn,")
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://registry:8081")
    settings = CommonSettings()
    assert settings.kafka_bootstrap == "kafka:9092"
    assert settings.models == ("flight-delay", "telecom-churn")
    assert settings.schema_registry_url == "http://registry:8081"


def test_settings_can_be_given_by_name() -> None:
    settings = CommonSettings(models=("a",), schema_registry_url="http://r", spans_dir=Path("spans"))
    assert (settings.models, settings.schema_registry_url) == (("a",), "http://r")


def test_every_setting_is_described() -> None:
    for name, field in CommonSettings.model_fields.items():
        assert field.description, name


def test_a_prefix_that_no_topic_can_have_is_refused() -> None:
    with pytest.raises(ValidationError):
        KafkaSettings(prefix="a b")
