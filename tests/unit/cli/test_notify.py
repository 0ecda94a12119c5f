"""`tidemill notify test` sends by each channel that is set, and says what came of it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from tests.support.receivers import Reply, web_receiver
from tidemill_cli.app import cli
from tidemill_trainer.main import main


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["notify", "test", *arguments])


def test_each_channel_is_tried_and_its_servers_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_receiver() as hook, web_receiver(lambda request: Reply(403, "no_service")) as slack:
        monkeypatch.setenv("TIDEMILL_NOTIFY_WEBHOOK_URL", hook.url)
        monkeypatch.setenv("TIDEMILL_NOTIFY_WEBHOOK_SECRET", "a secret of thirty characters!")
        monkeypatch.setenv("TIDEMILL_NOTIFY_SLACK_URL", f"{slack.url}/S3CRET")
        both, one = ran(), ran("--channel", "webhook", "--json")
    assert both.exit_code == 1 and "S3CRET" not in both.output
    assert [line.split(maxsplit=1) for line in both.output.splitlines()] == [
        ["webhook", "taken: HTTP 200"], ["slack", 'failed: HTTP 403: "no_service"'],
    ]  # fmt: skip
    assert one.exit_code == 0
    (told,) = json.loads(one.stdout)
    assert (told["channel"], told["taken"], told["answer"]) == ("webhook", True, "HTTP 200")
    assert [message["kind"] for message in hook.messages] == ["test", "test"]


def test_the_trainer_tries_its_channels_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with web_receiver() as hook:
        monkeypatch.setenv("TIDEMILL_NOTIFY_SLACK_URL", hook.url)
        assert main(["notify", "--test"]) == 0
        hook.answering = lambda request: Reply(500)
        assert main(["notify", "--test"]) == 1
    assert capsys.readouterr().out.splitlines() == ["slack    taken: HTTP 200", "slack    failed: HTTP 500"]
    for wrong in (["notify"], ["--test"], ["train", "--test"]):
        with pytest.raises(SystemExit) as caught:
            main(wrong)
        assert caught.value.code == 2


def test_a_channel_that_is_not_set_and_none_at_all_are_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no channel is set: see TIDEMILL_NOTIFY_WEBHOOK_URL" in str(ran().exception)
    monkeypatch.setenv("TIDEMILL_NOTIFY_SLACK_URL", "https://hooks.example.org/S3CRET")
    assert str(ran("--channel", "email").exception) == "email: not set; set are slack"
