"""The command line teaches, and finds the platform it is meant for."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tidemill.errors import RetryLater
from tidemill_cli.app import COMMANDS, cli
from tidemill_operations.errors import WrongUse
from tidemill_operations.platform import find_platform, view_of


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIDEMILL_KAFKA_BOOTSTRAP", raising=False)
    return tmp_path


def write_facts(folder: Path, **settings: str) -> None:
    path = folder / "var" / "run" / "platform.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"settings": settings}))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_the_overview_imports_no_command_and_no_library_that_it_does_not_need() -> None:
    code = (
        "import sys; from tidemill_cli.app import cli; cli.main(['--help'], standalone_mode=False); "
        "heavy = {'polars', 'pyarrow', 'confluent_kafka', 'rich', 'numpy', 'pydantic'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=30)


def test_without_any_platform_it_is_said_how_to_name_one(nowhere: Path) -> None:
    with pytest.raises(WrongUse, match="tidemill up"):
        find_platform()


def test_a_platform_that_runs_here_is_found_by_its_file(nowhere: Path) -> None:
    write_facts(nowhere, TIDEMILL_KAFKA_BOOTSTRAP="127.0.0.1:1234", TIDEMILL_PREFIX="p-")
    settings = find_platform().settings
    assert (settings.kafka_bootstrap, settings.prefix) == ("127.0.0.1:1234", "p-")


def test_an_address_that_is_named_wins_over_the_file(nowhere: Path) -> None:
    write_facts(nowhere, TIDEMILL_KAFKA_BOOTSTRAP="127.0.0.1:1234", TIDEMILL_PREFIX="p-")
    settings = find_platform("other:9092").settings
    assert (settings.kafka_bootstrap, settings.prefix) == ("other:9092", "")


def test_settings_in_the_environment_win_over_the_file(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_facts(nowhere, TIDEMILL_KAFKA_BOOTSTRAP="127.0.0.1:1234", TIDEMILL_TRACE_RATIO="0.5")
    monkeypatch.setenv("TIDEMILL_TRACE_RATIO", "0.25")
    assert find_platform().settings.trace_ratio == 0.25


def test_a_view_by_facts_asks_no_environment(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMILL_PREFIX", "mine-")
    facts = {"settings": {"TIDEMILL_KAFKA_BOOTSTRAP": "127.0.0.1:1", "TIDEMILL_PREFIX": "theirs-"}}
    assert view_of(facts).settings.prefix == "theirs-"


def test_an_unknown_model_is_answered_with_those_that_there_are(root: Path) -> None:
    models = str(root / "models")
    view = view_of({"settings": {"TIDEMILL_MODELS_DIR": models}})
    with pytest.raises(WrongUse, match="flight-delay"):
        view.model("flights")
    with pytest.raises(WrongUse, match="--model"):
        view.model(None)


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (["elsewhere"], "'elsewhere' is not TOPIC/PARTITION/OFFSET"),
        (["flight-delay-raw/0/1"], "flight-delay-raw is not a dead-letter topic of a model that is known here"),
        (["flight-delay-raw-dlq/0/1", "flight-delay-labels-raw-dlq/0/1"], "those of one topic at a time"),
        (["flight-delay-raw-dlq/0/1", "--model", "telecom-churn"], "not a dead-letter topic of telecom-churn"),
    ],
)
def test_places_that_are_no_dead_letters_are_refused_before_anything_connects(
    places: list[str], said: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("schemas", "models"):
        monkeypatch.setenv({"schemas": "TIDEMILL_SCHEMAS", "models": "TIDEMILL_MODELS_DIR"}[name], str(root / name))
    for command in ("replay", "discard"):
        result = CliRunner().invoke(cli, ["dlq", command, "--bootstrap", "127.0.0.1:1", *places])
        assert (result.exit_code, said in result.output) == (2, True), result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["topics", "list"],
        ["topics", "plan"],
        ["topics", "apply"],
        ["dlq", "list"],
        ["dlq", "show", "flight-delay-raw-dlq/0/1"],
        ["dlq", "replay", "--model", "flight-delay"],
        ["quality", "flight-delay"],
        ["trace", "e1"],
    ],
)
def test_without_a_broker_it_is_said_at_once_with_the_address(
    arguments: list[str], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMILL_SCHEMAS", str(root / "schemas"))
    monkeypatch.setenv("TIDEMILL_MODELS_DIR", str(root / "models"))
    with socket.socket() as nobody:  # bound and not listening: whoever connects is refused
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        result = CliRunner().invoke(cli, [*arguments, "--bootstrap", address])
    assert isinstance(result.exception, RetryLater)
    assert f"no Kafka broker answers ({address}: Connection refused)" in str(result.exception)


def test_what_operations_refuse_is_shown_as_wrong_use_with_the_usage_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIDEMILL_KAFKA_BOOTSTRAP", raising=False)
    result = CliRunner().invoke(cli, ["status"])
    assert result.exit_code == 2
    assert "Usage:" in result.output
    assert "tidemill up" in result.output
