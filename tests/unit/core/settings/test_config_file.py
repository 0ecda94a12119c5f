"""`tidemill.yaml`: below the environment, above defaults, and wrong only with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidemill.config_file import apply_config, put_into, read_config
from tidemill.errors import ConfigError
from tidemill.service import run_service
from tidemill.settings import CommonSettings


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TIDEMILL_")]:
        monkeypatch.delenv(name)
    return tmp_path


def test_what_the_file_says_holds_unless_the_environment_says_otherwise(here: Path) -> None:
    (here / "tidemill.yaml").write_text("partitions: 7\nmodels: [a, b]\nprefix: x-\nsigning_key:\n")
    environment = {"TIDEMILL_PREFIX": "mine-"}
    stated = apply_config(environment)
    assert environment == {"TIDEMILL_PREFIX": "mine-", "TIDEMILL_PARTITIONS": "7", "TIDEMILL_MODELS": "a,b"}
    assert set(stated) == {"TIDEMILL_PREFIX", "TIDEMILL_PARTITIONS", "TIDEMILL_MODELS"}


def test_a_setting_that_the_environment_names_a_file_for_is_said_by_it(here: Path) -> None:
    environment = {"TIDEMILL_DATABASE_URL_FILE": "secret"}
    put_into(environment, {"database_url": "sqlite:///x"})
    assert environment == {"TIDEMILL_DATABASE_URL_FILE": "secret"}


def test_every_service_takes_it_before_it_reads_its_settings(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ)
    monkeypatch.setenv("TIDEMILL_PARTITIONS", "1")  # so that it is put back behind the test
    monkeypatch.delenv("TIDEMILL_PARTITIONS")
    (here / "tidemill.yaml").write_text("partitions: 7\n")
    seen: list[int] = []
    assert run_service(lambda: seen.append(CommonSettings().partitions)) == 0
    assert seen == [7]
    os.environ.pop("TIDEMILL_PARTITIONS")


def test_a_service_with_a_wrong_file_ends_as_for_any_setting(here: Path) -> None:
    (here / "tidemill.yaml").write_text("partitons: 7\n")
    assert run_service(lambda: None) == 2


def test_another_file_is_named_by_its_variable(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "tidemill.yaml").write_text("partitions: 7\n")
    (here / "other.yaml").write_text("partitions: 8\n")
    monkeypatch.setenv("TIDEMILL_CONFIG", "other.yaml")
    environment: dict[str, str] = {}
    apply_config(environment)
    assert environment["TIDEMILL_PARTITIONS"] == "8"
    monkeypatch.setenv("TIDEMILL_CONFIG", "none.yaml")
    with pytest.raises(ConfigError, match=r"names none\.yaml, and there is no such file"):
        apply_config({})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\npartitons: 3\n", "tidemill.yaml:2:1: unknown setting 'partitons': did you mean 'partitions'?"),
        ("TIDEMILL_PREFIX: x\n", "tidemill.yaml:1:1: unknown setting 'TIDEMILL_PREFIX': here it is called 'prefix'"),
        ("prefix: {a: b}\n", "tidemill.yaml:1:9: `prefix` must be a value, or a list of values"),
        ("prefix: a\nprefix: b\n", "tidemill.yaml:2:1: `prefix` stands twice"),
        ("- a\n", "tidemill.yaml:1:1: must be settings, one a line, such as `partitions: 4`"),
        ("prefix: [\n", "tidemill.yaml:2:1: is not YAML"),
    ],
)
def test_a_mistake_has_its_place_and_its_cure(here: Path, text: str, said: str) -> None:
    path = Path("tidemill.yaml")
    path.write_text(text)
    _, mistakes = read_config(path)
    assert any(str(mistake).startswith(said) for mistake in mistakes), mistakes


def test_settings_of_kafkas_client_pass_whatever_they_are(here: Path) -> None:
    path = Path("tidemill.yaml")
    path.write_text("kafka_sasl_username: me\nkafka_ssl_ca_location: /ca.pem\nsignatures: off\n")
    stated, mistakes = read_config(path)
    assert not mistakes
    assert stated == {"kafka_sasl_username": "me", "kafka_ssl_ca_location": "/ca.pem", "signatures": "off"}


def test_a_setting_with_another_variable_yields_to_that_too() -> None:
    environment = {"SCHEMA_REGISTRY_URL": "http://theirs"}
    put_into(environment, {"schema_registry_url": "http://ours"})
    assert "TIDEMILL_SCHEMA_REGISTRY_URL" not in environment
