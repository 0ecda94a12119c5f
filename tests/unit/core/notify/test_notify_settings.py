"""What can be set for notifications, and what is refused with its cure."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tidemill.notify.links import filled
from tidemill.notify.notice import KINDS
from tidemill.notify.settings import NotifySettings
from tidemill.service.run import describe

SECRET = "https://hooks.example.org/services/S3CRET"


def test_no_channel_is_on_by_itself_and_an_empty_variable_sets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert NotifySettings().channels == ()
    for name in ("WEBHOOK_URL", "SLACK_URL", "SMTP_HOST", "GITHUB_REPOSITORY", "EMAIL_TO"):
        monkeypatch.setenv(f"TIDEMILL_NOTIFY_{name}", " ")
    assert NotifySettings().channels == ()


def test_a_secret_comes_from_a_file_and_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text(f"{SECRET}\n")
    monkeypatch.setenv("TIDEMILL_NOTIFY_SLACK_URL_FILE", str(tmp_path / "url"))
    settings = NotifySettings()
    assert settings.channels == ("slack",) and "S3CRET" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.notify_slack_url is not None and settings.notify_slack_url.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"webhook_url": SECRET}, "TIDEMILL_NOTIFY_WEBHOOK_URL is set: it needs TIDEMILL_NOTIFY_WEBHOOK_SECRET"),
        ({"webhook_secret": "S3CRET"}, "too short to sign with"),
        ({"webhook_secret": "whsec_S3CRET!"}, "not base64"),
        ({"slack_url": "hooks.example.org/S3CRET"}, "no address"),
        ({"slack_url": "https://a.example/S3CRET x"}, "no address"),
        ({"slack_url": "file:///etc/S3CRET"}, "no address"),
        ({"github_repository": "owner/name"}, "needs TIDEMILL_NOTIFY_GITHUB_TOKEN"),
        ({"github_token": "S3CRET"}, "needs TIDEMILL_NOTIFY_GITHUB_REPOSITORY"),
        ({"smtp_host": "mail.example.org"}, "needs TIDEMILL_NOTIFY_EMAIL_FROM"),
        ({"email_to": "a@example.org"}, "needs TIDEMILL_NOTIFY_SMTP_HOST"),
        ({"kinds": "drifts"}, "TIDEMILL_NOTIFY_KINDS"),
        ({"runbook_url": "https://r.example/{page}"}, r"{page} cannot be filled in: {model}"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_without_the_secret(
    given: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"TIDEMILL_NOTIFY_{name.upper()}", value)
    with pytest.raises(ValidationError) as caught:
        NotifySettings()
    assert said in describe(caught.value) and "S3CRET" not in describe(caught.value)


def test_no_password_is_sent_in_the_clear_and_addresses_are_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SMTP_HOST": "mail.example.org", "EMAIL_FROM": "t@example.org", "EMAIL_TO": "a@example.org, b@example.org",
        "SMTP_USER": "us", "SMTP_PASSWORD": "S3CRET",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"TIDEMILL_NOTIFY_{name}", value)
    assert NotifySettings().notify_email_to == ("a@example.org", "b@example.org")
    monkeypatch.setenv("TIDEMILL_NOTIFY_SMTP_TLS", "none")
    with pytest.raises(ValidationError, match="no password is sent in the clear"):
        NotifySettings()
    monkeypatch.setenv("TIDEMILL_NOTIFY_SMTP_TLS", "tls")
    monkeypatch.setenv("TIDEMILL_NOTIFY_EMAIL_TO", "nobody")
    with pytest.raises(ValidationError, match="'nobody' is no mail address"):
        NotifySettings()


def test_an_issue_is_opened_for_what_somebody_should_look_at_and_the_others_are_told_all() -> None:
    settings = NotifySettings()
    assert settings.kinds_of("slack") == set(KINDS)
    assert settings.kinds_of("github") == {"retrain_failed", "rolled_back", "drift", "approval_wanted"}


def test_a_link_is_left_out_where_what_it_needs_is_not_known() -> None:
    templates = {
        "trace": "https://t.example/{trace_id}",
        "status": "https://s.example/{model}?v={version}",
        "board": None,
    }
    assert filled(templates, {"model": "a/b&c", "version": 3, "trace_id": ""}) == {
        "status": "https://s.example/a%2Fb%26c?v=3"
    }
    assert filled(templates, {"model": "a", "version": None, "trace_id": "0f"}) == {"trace": "https://t.example/0f"}
