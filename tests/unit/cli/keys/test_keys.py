from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tidemill.access.credentials.keys import parsed
from tidemill.access.credentials.ring import KeyRing
from tidemill.access.storage.store import KeyStore
from tidemill.clock import SystemClock
from tidemill.database import connect
from tidemill.errors import ConfigError
from tidemill_cli.app import cli
from tidemill_operations.acts import note_act
from tidemill_operations.platform import PlatformView, find_platform

ROOT = Path(__file__).parents[4]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'tidemill.db'}"
    monkeypatch.setenv("TIDEMILL_DATABASE_URL", url)
    monkeypatch.setenv("TIDEMILL_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.chdir(tmp_path)
    return url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["keys", *arguments])


def made(result: Result) -> tuple[str, str]:
    """The key's id and its text."""
    assert result.exit_code == 0, result.output
    first, text = result.output.strip().splitlines()
    return first.split()[1], text


def proves(database: str, text: str) -> bool:
    ring = KeyRing(KeyStore(connect(database), SystemClock()).all, SystemClock().now_ms)
    ring.refresh()
    return ring.caller(text) is not None


def test_a_key_is_made_rotated_and_revoked_and_shown_only_when_it_is_made(database: str) -> None:
    key_id, first = made(run("create", "web shop", "--scope", "predict", "--rate", "5/second", "--expires", "90d"))
    assert proves(database, first)
    same_id, second = made(run("rotate", key_id, "--grace", "1h"))
    assert same_id == key_id
    assert proves(database, first)
    assert proves(database, second)
    listed = run("list", "--json")
    (row,) = json.loads(listed.output)
    assert (row["name"], row["scopes"], row["rate"], row["state"]) == ("web shop", ["predict"], "5/second", "usable")
    assert run("revoke", key_id, "--reason", "leaked").exit_code == 0
    assert not proves(database, first)
    assert not proves(database, second)
    for text in (first, second):
        proof = parsed(text)
        assert proof is not None and proof[1] not in run("list").output + run("audit").output
    acts = [json.loads(line)["act"] for line in run("audit").output.splitlines()]
    assert acts == ["keys.revoke", "keys.rotate", "keys.create"]


def test_a_key_of_one_model_is_made_and_a_name_that_is_no_model_here_is_told(database: str, tmp_path: Path) -> None:
    environment = {"TIDEMILL_MODELS_DIR": str(ROOT / "models"), "TIDEMILL_SCHEMAS": str(ROOT / "schemas")}

    def create(scope: str, **env: str) -> Result:
        return CliRunner(env=environment | env).invoke(cli, ["keys", "create", "x", "--scope", scope, "--json"])

    known = create("predict:flight-delay")
    assert (json.loads(known.stdout)["scopes"], known.stderr) == (["predict:flight-delay"], "")
    misspelt = create("ingest:flight-delai")
    assert json.loads(misspelt.stdout)["scopes"] == ["ingest:flight-delai"]
    assert "there is no model 'flight-delai' here; did you mean flight-delay?" in misspelt.stderr
    blind = create("predict:flight-delay", TIDEMILL_MODELS_DIR=str(tmp_path / "none"))
    assert blind.exit_code == 0 and "no model file can be read here" in blind.stderr
    assert create("predict", TIDEMILL_MODELS_DIR=str(tmp_path / "none")).stderr == ""
    refused = create("predict:*")
    assert refused.exit_code == 2
    assert "'predict:*' is no scope: there are ingest, predict, admin, ingest:MODEL, predict:MODEL" in refused.stderr


def test_an_act_is_noted_before_it_is_done_or_it_is_not_done(database: str, tmp_path: Path) -> None:
    platform = find_platform()
    note_act(platform, "dlq.replay", "a-raw-dlq", rows=3)
    note_act(platform, "resume", "a", reason="seen")
    lines = [json.loads(line) for line in run("audit").output.splitlines()]
    assert [(line["act"], line["subject"], line["detail"]) for line in lines] == [
        ("resume", "a", {"reason": "seen"}), ("dlq.replay", "a-raw-dlq", {"rows": 3}),
    ]  # fmt: skip
    away = PlatformView(platform.settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}"}), {})
    with pytest.raises(ConfigError, match="TIDEMILL_DATABASE_URL"):
        note_act(away, "resume", "a")


def test_what_cannot_be_is_said(database: str) -> None:
    assert run("create", "x").exit_code == 2
    assert run("create", "x", "--scope", "everything").exit_code == 2
    assert run("create", "x", "--scope", "predict", "--expires", "soon").exit_code == 2
    assert run("create", "x", "--scope", "predict", "--rate", "often").exit_code != 0
    unknown = run("revoke", "000000000000")
    assert (unknown.exit_code, "no key" in unknown.output) == (1, True)


def test_with_json_a_key_and_the_acts_are_one_value_each(database: str) -> None:
    created = json.loads(run("create", "web shop", "--scope", "predict", "--json").stdout)
    assert proves(database, created["secret"]) and created["scopes"] == ["predict"]
    rotated = json.loads(run("rotate", created["key"], "--json").stdout)
    assert proves(database, rotated["secret"])
    assert json.loads(run("revoke", created["key"], "--json").stdout)["revoked"] == created["key"]
    acts = json.loads(run("audit", "--json").stdout)
    assert [act["act"] for act in acts] == ["keys.revoke", "keys.rotate", "keys.create"]


def test_names_of_any_length_stay_on_their_line(database: str) -> None:
    name = " ".join(["accounting"] * 40)
    run("create", name, "--scope", "ingest", "--scope", "admin")
    assert sum(name in line for line in run("list").stdout.splitlines()) == 1
