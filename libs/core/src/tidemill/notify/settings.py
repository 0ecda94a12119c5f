"""Settings of notifications: of the trainer, which sends them, and of `tidemill notify test`."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from tidemill.notify.links import check_template
from tidemill.notify.notice import KINDS, Kind
from tidemill.settings import CommonSettings

__all__ = ["ChannelName", "NotifySettings"]

ChannelName = Literal["webhook", "slack", "email", "github"]
_SECRET_LENGTH: Final = 16
_ADDRESS = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")
_FOR_PEOPLE: Final[tuple[Kind, ...]] = ("retrain_failed", "rolled_back", "drift", "approval_wanted")
Kinds = Annotated[tuple[Kind, ...], NoDecode]


class NotifySettings(CommonSettings):
    """Where notices go. A channel is on where its address is set; without any nothing is read or sent."""

    notify_webhook_url: SecretStr | None = Field(
        None, description="Web hook that gets each notice as JSON: https://… A secret. Redirects are not followed."
    )
    notify_webhook_secret: SecretStr | None = Field(
        None, description="What web hooks are signed with (HMAC-SHA256, Standard Webhooks): 16 characters or more, or "
        "whsec_ and base64.",
    )  # fmt: skip
    notify_slack_url: SecretStr | None = Field(
        None, description="Incoming web hook of Slack, or of what takes the same (Mattermost, Rocket.Chat, Discord "
        "with /slack at its end). A secret.",
    )  # fmt: skip
    notify_smtp_host: str | None = Field(None, description="Mail server for notices.")
    notify_smtp_port: int = Field(587, ge=1, le=65_535, description="Port of the mail server; 465 is usual with tls.")
    notify_smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the mail server is spoken to; none: in the clear, and then without a login."
    )
    notify_smtp_user: str | None = Field(None, description="Login at the mail server; none: without a login.")
    notify_smtp_password: SecretStr | None = Field(None, description="Password of that login.")
    notify_email_from: str | None = Field(None, description="Who mails are from: an address.")
    notify_email_to: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Whom mails go to: addresses, separated by commas."
    )
    notify_github_repository: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$",
        description="OWNER/NAME of the repository in which issues are opened, one for each model and kind of notice; "
        "while it is open, more of the same become comments.",
    )  # fmt: skip
    notify_github_token: SecretStr | None = Field(
        None, description="Token that may read and write issues of that repository."
    )
    notify_github_url: str = Field(
        "https://api.github.com", description="GitHub's API; of a server of your own: …/api/v3."
    )
    notify_kinds: Kinds = Field(KINDS, description=f"What is told, separated by commas: {', '.join(KINDS)}.")
    notify_github_kinds: Kinds = Field(
        _FOR_PEOPLE, description="What of these becomes an issue: by default what somebody should look at."
    )
    notify_burst: int = Field(
        5, ge=2, description="So many messages of one kind a channel gets at once; what is more becomes one digest."
    )
    notify_every_s: float = Field(
        300.0, gt=0, description="After that, one message of the kind in so many seconds: a digest of what came since."
    )
    notify_give_up_s: float = Field(
        86_400.0,
        gt=0,
        description="A notice that could not be sent for so long is told in a digest, once the channel works.",
    )
    notify_timeout_s: float = Field(10.0, gt=0, description="How long a channel's server may take to answer, in s.")
    notify_status_url: str | None = Field(
        None,
        description="Address of a page of yours on a model, linked in notices; {model}, {version} and {run_id} are "
        "filled in.",
    )
    notify_dashboard_url: str | None = Field(
        None, description="The same of its dashboard, e.g. https://grafana.example/d/tidemill?var-model={model}."
    )
    notify_trace_url: str | None = Field(
        None, description="The same of a trace, with {trace_id}, e.g. https://jaeger.example/trace/{trace_id}."
    )
    notify_runbook_url: str | None = Field(
        None, description="The same of a runbook; {runbook} becomes its file's name without .md, e.g. training."
    )

    @field_validator("notify_kinds", "notify_github_kinds", "notify_email_to", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator(
        "notify_webhook_url", "notify_webhook_secret", "notify_slack_url", "notify_smtp_host", "notify_smtp_user",
        "notify_smtp_password", "notify_email_from", "notify_github_repository", "notify_github_token",
        "notify_status_url", "notify_dashboard_url", "notify_trace_url", "notify_runbook_url", mode="before",
    )  # fmt: skip
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("notify_webhook_url", "notify_slack_url", "notify_github_url")
    @classmethod
    def _is_address(cls, value: SecretStr | str | None) -> SecretStr | str | None:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is not None and not is_address(text):
            raise ValueError("it is no address: write https://HOST/… (what was given is not shown)")
        return value

    @field_validator("notify_status_url", "notify_dashboard_url", "notify_trace_url", "notify_runbook_url")
    @classmethod
    def _is_template(cls, value: str | None) -> str | None:
        if value is not None:
            if not is_address(value):
                raise ValueError(f"{value!r} is no address: write https://HOST/…")
            check_template(value)
        return value

    @field_validator("notify_webhook_secret")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            from tidemill.notify.signature import key_of

            if len(key_of(value.get_secret_value())) < _SECRET_LENGTH:
                raise ValueError(
                    f"it is too short to sign with: {_SECRET_LENGTH} bytes or more, e.g. of openssl rand -hex 24"
                )
        return value

    @model_validator(mode="after")
    def _channels_are_whole(self) -> Self:
        for given, needed, why in (
            ("notify_webhook_url", "notify_webhook_secret", "by which who receives it knows that it is from here"),
            ("notify_github_repository", "notify_github_token", "by which issues are written"),
            ("notify_smtp_host", "notify_email_from", "which mails are from"),
            ("notify_smtp_host", "notify_email_to", "whom mails go to"),
            ("notify_email_to", "notify_smtp_host", "which sends them"),
            ("notify_github_token", "notify_github_repository", "in which issues are opened"),
            ("notify_smtp_user", "notify_smtp_password", "which belongs to it"),
        ):
            if getattr(self, given) and not getattr(self, needed):
                raise ValueError(f"TIDEMILL_{given.upper()} is set: it needs TIDEMILL_{needed.upper()}, {why}")
        if self.notify_smtp_user and self.notify_smtp_tls == "none":
            raise ValueError("TIDEMILL_NOTIFY_SMTP_TLS=none: no password is sent in the clear; take starttls or tls")
        for address in filter(None, (self.notify_email_from, *self.notify_email_to)):
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is no mail address: write name@example.com")
        return self

    @property
    def channels(self) -> tuple[ChannelName, ...]:
        """The channels that are on."""
        given: dict[ChannelName, object] = {
            "webhook": self.notify_webhook_url, "slack": self.notify_slack_url,
            "email": self.notify_smtp_host, "github": self.notify_github_repository,
        }  # fmt: skip
        return tuple(name for name, address in given.items() if address)

    def kinds_of(self, channel: str) -> frozenset[Kind]:
        """What a channel is told."""
        kinds = frozenset(self.notify_kinds)
        return kinds & frozenset(self.notify_github_kinds) if channel == "github" else kinds


def is_address(text: str) -> bool:
    """Whether it is an absolute address of the web without a line's end or a space in it."""
    try:
        found = urlsplit(text)
        return found.scheme in ("http", "https") and bool(found.hostname) and text.isprintable() and " " not in text
    except ValueError:
        return False
