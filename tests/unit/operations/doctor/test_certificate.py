"""What doctor says of the certificate that HTTP doors are to serve with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.certificates import Authority
from tidemill.settings import CommonSettings
from tidemill_operations.doctor.certificate import check_certificate
from tidemill_operations.doctor.findings import Status


def test_a_certificate_is_well_until_two_weeks_before_its_end_and_no_pair_is_a_failure(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    issued = Authority(tmp_path).issue("server", ends=now + timedelta(days=20))
    settings = CommonSettings(tls_certificate=issued.certificate, tls_key=issued.key)
    (well,) = check_certificate(settings, now)
    assert (well.status, well.todo) == (Status.OK, "")
    assert f"for localhost, 127.0.0.1, until {now + timedelta(days=20):%Y-%m-%d %H:%M} UTC" in well.text
    (soon,) = check_certificate(settings, now + timedelta(days=7))
    assert (soon.status, soon.todo.startswith("renew it")) == (Status.WARN, True)
    (ended,) = check_certificate(settings, now + timedelta(days=21))
    assert (ended.status, "ended on" in ended.text) == (Status.FAIL, True)
    issued.key.write_text("")
    (none,) = check_certificate(settings, now)
    assert (none.status, none.text.startswith("TIDEMILL_TLS_KEY: ")) == (Status.FAIL, True)
    assert check_certificate(CommonSettings()) == []
