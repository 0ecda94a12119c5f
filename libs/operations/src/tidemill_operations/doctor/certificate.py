"""Whether the certificate that is named for our HTTP doors is one, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tidemill.errors import ConfigError
from tidemill_operations.doctor.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from tidemill.settings import CommonSettings

SOON: Final = timedelta(days=14)
"""As the alert has it."""


def check_certificate(settings: CommonSettings, now: datetime | None = None) -> list[Finding]:
    """Nothing where no certificate is named here."""
    from tidemill.web.tls.pair import load_pair

    files, now = settings.tls_files(), now or datetime.now(UTC)
    if files is None:
        return []
    try:
        pair = load_pair(files, now)
    except ConfigError as error:
        return [fail("certificate", str(error), "processes that run go on with the one before; none starts with this")]
    text = (
        f"{files.certificate} is for {', '.join(pair.names) or 'no name'}, until {pair.expires_at:%Y-%m-%d %H:%M} UTC"
    )
    if not pair.names:
        return [warn("certificate", text, "no caller believes a certificate without names (subjectAltName)")]
    if pair.expires_at - now < SOON:
        return [warn("certificate", text, "renew it: put the new files there, and nothing has to be restarted")]
    return [ok("certificate", text)]
