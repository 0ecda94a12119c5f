"""The channels that the settings ask for."""

from __future__ import annotations

from pydantic import SecretStr

from tidemill.notify.delivery import Channel
from tidemill.notify.github import GitHubChannel
from tidemill.notify.mail import MailChannel
from tidemill.notify.settings import ChannelName, NotifySettings
from tidemill.notify.webhook import SlackChannel, WebhookChannel

__all__ = ["open_channel"]


def open_channel(name: ChannelName, settings: NotifySettings) -> Channel:
    """A channel that is on (`settings.channels`). Connects when it sends."""
    timeout_s = settings.notify_timeout_s
    if name == "webhook":
        return WebhookChannel(shown(settings.notify_webhook_url), shown(settings.notify_webhook_secret), timeout_s)
    if name == "slack":
        return SlackChannel(shown(settings.notify_slack_url), timeout_s)
    if name == "github":
        return GitHubChannel(
            settings.notify_github_url, settings.notify_github_repository or "",
            shown(settings.notify_github_token), timeout_s, settings.prefix,
        )  # fmt: skip
    return MailChannel(
        host=settings.notify_smtp_host or "", port=settings.notify_smtp_port, tls=settings.notify_smtp_tls,
        sender=settings.notify_email_from or "", to=settings.notify_email_to, timeout_s=timeout_s,
        user=settings.notify_smtp_user, password=shown(settings.notify_smtp_password) or None,
    )  # fmt: skip


def shown(secret: SecretStr | None) -> str:
    """What a secret is, for whoever sends it."""
    return secret.get_secret_value() if secret is not None else ""
