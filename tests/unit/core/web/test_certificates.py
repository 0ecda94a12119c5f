"""The certificate of a server: what is refused at the start and how it is said, and what is taken up while it runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.support.certificates import Authority, ServerFiles
from tests.support.metric_values import value_of
from tidemill.errors import ConfigError
from tidemill.service.run import CONFIG, run_service
from tidemill.settings import CommonSettings
from tidemill.web.metrics import CERTIFICATE_EXPIRES, CERTIFICATE_LOADS
from tidemill.web.tls.files import TlsFiles
from tidemill.web.tls.pair import load_pair
from tidemill.web.tls.server import ServerTls, open_tls

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def served(authority: Authority, tmp_path: Path) -> TlsFiles:
    """Files of a server whose certificate holds."""
    return put(authority.issue("first"), tmp_path)


def put(issued: ServerFiles, folder: Path) -> TlsFiles:
    """Its files as `tls.crt` and `tls.key` of the folder."""
    folder.mkdir(exist_ok=True)
    shutil.copy(issued.certificate, folder / "tls.crt")
    shutil.copy(issued.key, folder / "tls.key")
    return TlsFiles(folder / "tls.crt", folder / "tls.key")


def look_twice(tls: ServerTls) -> None:
    tls.look()
    tls.look()


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


WRONG: dict[str, tuple[Callable[[TlsFiles], object], str]] = {
    "no certificate": (lambda f: f.certificate.unlink(), r"^TIDEMILL_TLS_CERTIFICATE: .*tls.crt cannot be read \(No"),
    "no key": (lambda f: f.key.unlink(), r"^TIDEMILL_TLS_KEY: .*tls.key cannot be read \(No such file.*user may read"),
    "a folder": (lambda f: make_folder(f.key), r"^TIDEMILL_TLS_KEY: .*cannot be read \(Is a directory"),
    "empty": (lambda f: f.certificate.write_text(""), r"^TIDEMILL_TLS_CERTIFICATE: .* no certificate in PEM: put the"),
    "DER": (lambda f: f.certificate.write_bytes(b"\x30\x82\x01"), r"^TIDEMILL_TLS_CERTIFICATE: .* no certificate in"),
    "half a chain": (lambda f: cut(f.certificate), r"^TIDEMILL_TLS_CERTIFICATE: .*tls.crt is cut off"),
    "half a key": (lambda f: cut(f.key), r"^TIDEMILL_TLS_KEY: .*tls.key has no private key in PEM"),
    "spoilt": (
        lambda f: f.key.write_text(f.key.read_text().replace("\nM", "\nA", 1)),
        r"^TIDEMILL_TLS_KEY: .*tls.key is no private key that can be read",
    ),
    "swapped": (
        lambda f: f.certificate.write_bytes(f.key.read_bytes()),
        r"^TIDEMILL_TLS_CERTIFICATE: .* no certificate in PEM",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_files_that_hold_no_pair_are_refused_with_the_cure(served: TlsFiles, name: str) -> None:
    spoil, said = WRONG[name]
    spoil(served)
    with pytest.raises(ConfigError, match=said):
        load_pair(served)


def test_the_key_of_another_certificate_is_refused(authority: Authority, served: TlsFiles) -> None:
    other = authority.issue("other")
    with pytest.raises(ConfigError, match=r"^TIDEMILL_TLS_KEY: .*other.key is not the key of the first .*CN=first.*"):
        load_pair(replace(served, key=other.key))


def test_a_certificate_behind_that_of_its_authority_is_refused(authority: Authority, served: TlsFiles) -> None:
    served.certificate.write_bytes(authority.ca.read_bytes() + served.certificate.read_bytes())
    with pytest.raises(ConfigError, match="put the server's own certificate before those of authorities"):
        load_pair(served)


def test_a_certificate_that_ended_or_has_not_begun_is_refused_with_its_day(authority: Authority) -> None:
    now = datetime.now(UTC)
    ended = authority.issue("ended", begins=now - 2 * DAY, ends=now - DAY)
    with pytest.raises(ConfigError, match=rf"ended.crt ended on {now - DAY:%Y-%m-%d %H:%M} UTC: renew it"):
        load_pair(TlsFiles(ended.certificate, ended.key))
    early = authority.issue("early", begins=now + DAY, ends=now + 2 * DAY)
    with pytest.raises(ConfigError, match=rf"holds from {now + DAY:%Y-%m-%d %H:%M} UTC on: .*clock"):
        load_pair(TlsFiles(early.certificate, early.key))


def test_an_encrypted_key_is_opened_by_the_file_of_its_password_alone(authority: Authority, tmp_path: Path) -> None:
    locked = authority.issue("locked", password=b"open sesame")
    files = TlsFiles(locked.certificate, locked.key)
    with pytest.raises(ConfigError, match=r"locked.key is encrypted: .*TIDEMILL_TLS_KEY_PASSWORD_FILE"):
        load_pair(files)
    password = tmp_path / "password"
    password.write_text("something else\n")
    with pytest.raises(
        ConfigError, match=r"^TIDEMILL_TLS_KEY_PASSWORD_FILE: .*password does not open .*locked.key"
    ) as e:
        load_pair(replace(files, password=password))
    assert "something else" not in str(e.value)
    password.write_text("open sesame\n")
    assert load_pair(replace(files, password=password)).names == ("localhost", "127.0.0.1")


def test_certificate_and_key_may_stand_in_one_file(served: TlsFiles) -> None:
    served.certificate.write_bytes(served.key.read_bytes() + served.certificate.read_bytes())
    assert load_pair(replace(served, key=served.certificate)).names == ("localhost", "127.0.0.1")


def test_settings_name_what_is_missing_beside_them(served: TlsFiles, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="TIDEMILL_TLS_CERTIFICATE needs TIDEMILL_TLS_KEY"):
        CommonSettings(tls_certificate=served.certificate)
    with pytest.raises(ValidationError, match="TIDEMILL_TLS_KEY needs TIDEMILL_TLS_CERTIFICATE"):
        CommonSettings(tls_key=served.key)
    assert open_tls(CommonSettings()) is None
    tls = open_tls(CommonSettings(tls_certificate=served.certificate, tls_key=served.key, hsts_max_age_s=60))
    assert tls is not None
    assert tls.hsts == "max-age=60"


def test_a_service_with_a_certificate_that_is_none_ends_as_one_that_is_set_up_wrongly(served: TlsFiles) -> None:
    served.key.write_text("")
    settings = CommonSettings(tls_certificate=served.certificate, tls_key=served.key)
    assert run_service(lambda: open_tls(settings)) == CONFIG


def test_a_renewed_pair_is_taken_up_once_it_has_stood_for_two_looks(authority: Authority, served: TlsFiles) -> None:
    tls = ServerTls(served, 60)
    first, taken = tls.context, value_of(CERTIFICATE_LOADS.labels("taken"))
    ends = datetime.now(UTC).replace(microsecond=0) + DAY
    put(authority.issue("second", ends=ends), served.certificate.parent)
    tls.look()
    assert tls.context is first
    tls.look()
    assert tls.context is not first
    assert tls.expires_at == ends
    assert value_of(CERTIFICATE_EXPIRES.labels(str(served.certificate))) == ends.timestamp()
    assert value_of(CERTIFICATE_LOADS.labels("taken")) == taken + 1


def test_a_secret_whose_symlink_leads_elsewhere_is_taken_up(authority: Authority, tmp_path: Path) -> None:
    put(authority.issue("old"), tmp_path / "..1")
    put(authority.issue("new"), tmp_path / "..2")
    (tmp_path / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    tls = ServerTls(TlsFiles(tmp_path / "tls.crt", tmp_path / "tls.key"), 60)
    first = tls.context
    (tmp_path / "..next").symlink_to("..2")
    (tmp_path / "..next").replace(tmp_path / "..data")
    shutil.rmtree(tmp_path / "..1")
    look_twice(tls)
    assert tls.context is not first


@pytest.mark.parametrize("name", ["another's key", "cut off", "gone", "ended"])
def test_what_is_no_pair_keeps_the_one_before_is_logged_once_and_counted_once(
    authority: Authority, served: TlsFiles, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    tls, before = ServerTls(served, 60), value_of(CERTIFICATE_LOADS.labels("refused"))
    first = tls.context
    kept = served.certificate.read_bytes()
    now = datetime.now(UTC)
    spoil: dict[str, Callable[[], object]] = {
        "another's key": lambda: shutil.copy(authority.issue("other").certificate, served.certificate),
        "cut off": lambda: cut(served.certificate),
        "gone": served.certificate.unlink,
        "ended": lambda: put(authority.issue("e", begins=now - 2 * DAY, ends=now - DAY), served.certificate.parent),
    }
    key = served.key.read_bytes()
    spoil[name]()
    for _ in range(4):
        tls.look()
    assert tls.context is first
    assert value_of(CERTIFICATE_LOADS.labels("refused")) == before + 1
    told = [record for record in caplog.records if "the certificate before goes on" in record.message]
    assert len(told) == 1
    assert "TIDEMILL_TLS_" in told[0].message
    served.certificate.write_bytes(kept)
    served.key.write_bytes(key)
    look_twice(tls)
    assert tls.context is first
    put(authority.issue("good"), served.certificate.parent)
    look_twice(tls)
    assert tls.context is not first
