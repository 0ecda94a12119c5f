"""A setting whose variable has _FILE behind its name is read from that file, and from nowhere else."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from tidemill.errors import FatalError
from tidemill.secret_files import HIDDEN, from_files, take_store_keys, without_store_keys
from tidemill.service.health import Health
from tidemill.service.run import CLEAN, CONFIG, run_service
from tidemill.settings import CommonSettings, KafkaSettings
from tidemill.telemetry.logs import configure_logging


@contextmanager
def restored_logging() -> Iterator[None]:
    """The handlers of before, afterwards."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        yield
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)


def test_a_setting_is_what_its_file_holds_without_the_end_of_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIDEMILL_DATABASE_URL", raising=False)
    for name, content in (
        ("database_url", "postgresql+psycopg://u:p@h/d\n"),
        ("models", "a, b\n"),
        ("partitions", "7"),
    ):
        (tmp_path / name).write_text(content)
        monkeypatch.setenv(f"TIDEMILL_{name.upper()}_FILE", str(tmp_path / name))
    settings = CommonSettings()
    assert settings.database_url == "postgresql+psycopg://u:p@h/d"
    assert (settings.models, settings.partitions) == (("a", "b"), 7)


def test_the_address_of_kafka_and_of_the_registry_may_stand_in_files_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kafka").write_text("k:1\n")
    (tmp_path / "registry").write_text("http://u:p@r\n")
    monkeypatch.delenv("TIDEMILL_KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.setenv("TIDEMILL_KAFKA_BOOTSTRAP_FILE", str(tmp_path / "kafka"))
    monkeypatch.setenv("TIDEMILL_SCHEMA_REGISTRY_URL_FILE", str(tmp_path / "registry"))
    settings = CommonSettings()
    assert settings.kafka_bootstrap == "k:1"
    assert settings.schema_registry_url == "http://u:p@r"
    assert settings.kafka_client.values == {}


def test_a_setting_that_is_given_twice_is_refused_by_both_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text("secret")
    monkeypatch.setenv("TIDEMILL_DATABASE_URL", "sqlite:///x")
    monkeypatch.setenv("TIDEMILL_DATABASE_URL_FILE", str(tmp_path / "url"))
    with pytest.raises(
        ValidationError, match="TIDEMILL_DATABASE_URL and TIDEMILL_DATABASE_URL_FILE are both set: keep"
    ):
        CommonSettings()


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"\xff\xfe", "it is not UTF-8")])
def test_a_file_that_cannot_be_read_is_named_with_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "prefix"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("TIDEMILL_PREFIX_FILE", str(path))
    with pytest.raises(ValidationError, match=f"TIDEMILL_PREFIX_FILE: {path} cannot be read: {reason}"):
        KafkaSettings()


def test_a_value_from_a_file_is_checked_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "port").write_text("70000")
    monkeypatch.delenv("TIDEMILL_PORT", raising=False)
    monkeypatch.setenv("TIDEMILL_PORT_FILE", str(tmp_path / "port"))
    with pytest.raises(ValidationError, match="65535"):
        CommonSettings()


def test_a_setting_whose_own_name_ends_so_is_no_file_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMILL_LOG_FILE", str(tmp_path / "not-there.log"))
    assert CommonSettings().log_file == tmp_path / "not-there.log"
    assert from_files({"P_KEY_FILE": "x"}, ("key", "key_file"), "P_") == {}


def test_what_code_gives_goes_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prefix").write_text("of-a-file.")
    monkeypatch.setenv("TIDEMILL_PREFIX_FILE", str(tmp_path / "prefix"))
    assert KafkaSettings(prefix="given.").prefix == "given."
    assert KafkaSettings().prefix == "of-a-file."


def test_the_keys_of_a_store_are_in_the_environment_when_a_service_begins_and_their_files_are_named_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        (tmp_path / name).write_text(f"of {name}\n")
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    seen: dict[str, str] = {}
    assert run_service(lambda: seen.update(os.environ)) == CLEAN
    assert seen["AWS_ACCESS_KEY_ID"] == "of AWS_ACCESS_KEY_ID"
    assert seen["AWS_SECRET_ACCESS_KEY"] == "of AWS_SECRET_ACCESS_KEY"
    assert not {"AWS_ACCESS_KEY_ID_FILE", "AWS_SECRET_ACCESS_KEY_FILE"} & seen.keys()
    child = dict(seen)
    take_store_keys(child)
    assert child == seen, "a child has them, and no file to read"


def test_a_key_of_a_store_without_its_file_is_a_matter_of_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY_FILE", str(tmp_path / "gone"))
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    assert run_service(lambda: None) == CONFIG
    assert "AWS_SECRET_ACCESS_KEY_FILE" in caplog.text and "cannot be read: No such file" in caplog.text


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_what_a_store_says_again_of_its_keys_is_hidden(name: str) -> None:
    key = "IQoJb3JpZ2luX2Vj/+abc=="
    signed = f"x-amz-security-token:{key}\nhost:s3"
    said = f"403 <CanonicalRequest>{signed}</CanonicalRequest> ?X-Amz-Security-Token={quote(key, '')}"
    shown = without_store_keys(said, {name: key})
    assert key not in shown and quote(key, "") not in shown
    assert shown.count(HIDDEN) == 2 and shown.startswith("403 <CanonicalRequest>x-amz-security-token:")


def test_a_word_that_is_hardly_a_key_is_left_in_the_text() -> None:
    assert without_store_keys("minio says no", {"AWS_SECRET_ACCESS_KEY": "minio"}) == "minio says no"
    assert without_store_keys("no keys, nothing to hide", {}) == "no keys, nothing to hide"


def test_no_way_out_of_a_process_tells_a_stores_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-session-token")
    health = Health()
    health.add_ready("table", lambda: "the store says a-session-token")
    assert health.ready().reasons == {"table": f"the store says {HIDDEN}"}

    def refused() -> None:
        configure_logging("trainer", file=tmp_path / "log")
        try:
            raise OSError("403: a-session-token")
        except OSError as error:
            raise FatalError(f"the table cannot be read: {error}") from error

    with restored_logging():
        run_service(refused)
        logging.getLogger("x").error("it says %s", "a-session-token", extra={"more": "a-session-token"})
        for handler in logging.getLogger().handlers:
            handler.flush()
    told = capsys.readouterr().err + (tmp_path / "log").read_text()
    assert "a-session-token" not in told
    assert told.count(HIDDEN) >= 3
