"""Notices by e-mail."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Literal

from tidemill.notify.delivery import NotDelivered, scrubbed
from tidemill.notify.notice import TITLE, Notice, limited, one_line

__all__ = ["MailChannel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailChannel:
    """One mail a notice, over a connection of its own. `tls`: how the server is spoken to; a certificate is checked by
    `trust` (the system's authorities by default).
    """

    host: str
    port: int
    tls: Literal["starttls", "tls", "none"]
    sender: str
    to: Sequence[str]
    timeout_s: float
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    trust: ssl.SSLContext | None = field(default=None, repr=False)

    def send(self, notice: Notice) -> str:
        """As `Channel` has it: taken by the server for at least one of the addresses."""
        try:
            with self._connected() as server:
                refused = server.send_message(self._mail(notice))
        except smtplib.SMTPDataError as error:
            raise NotDelivered(self._clean(error), of_notice=error.smtp_code >= 500) from None
        except UnicodeError:  # its words would show a character of the password
            wrong = "the login, its password or an address has a character that this server is not sent: take ASCII"
            raise NotDelivered(f"{wrong} (the value is not shown)") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise NotDelivered(self._clean(error)) from None
        told = f"taken by {self.host}"
        return f"{told}, but not for {', '.join(sorted(refused))}" if refused else told

    def close(self) -> None:
        """Nothing is kept open."""

    def _connected(self) -> smtplib.SMTP:
        trust = self.trust or ssl.create_default_context()
        if self.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_s, context=trust)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout_s)
        try:
            if self.tls == "starttls":
                server.starttls(context=trust)
            if self.user and self.password:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server

    def _mail(self, notice: Notice) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = limited(one_line(f"Tidemill: {notice.title}"), TITLE)
        mail["From"], mail["To"] = self.sender, ", ".join(self.to)
        mail["Date"] = datetime.now(UTC)
        name = hashlib.sha256(notice.notice_id.encode()).hexdigest()[
            :32
        ]  # a repeat has the same, and shows as one mail
        mail["Message-ID"] = f"<{name}@{self.sender.partition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(notice.plain())
        return mail

    def _clean(self, error: Exception) -> str:
        secrets = (self.password, f"\0{self.user}\0{self.password}") if self.password else ()
        return f"{type(error).__name__}: {one_line(scrubbed(_words(error), secrets))[:300]}"


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "no address was taken: " + "; ".join(
            f"{address}: {code} {said.decode(errors='replace')}" for address, (code, said) in error.recipients.items()
        )
    return str(error)
