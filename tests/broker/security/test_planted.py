"""Secrets of every kind are planted, by variables and by files, and everything that they open refuses them. They come
out nowhere: not in a log, a span, a metric, an answer, what a command prints, a file that is written or a record.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import redis
from confluent_kafka.admin import ResourceType  # type: ignore[attr-defined]
from sqlalchemy import make_url

from tests.broker.security.planted import Planted, refusing_server, strict_database, strict_redis
from tests.broker.security.secured import Secured
from tests.broker.security.test_logins import allow
from tests.faults.harness.load import event
from tests.support.models.toy_models import publish_toy
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import ensure_topics
from tidemill.settings import CommonSettings
from tidemill_embedded.ports import Ports
from tidemill_embedded.services import FRUGAL, SERVICES, service_command
from tidemill_operations.platform import PlatformView

MODEL = "flight-delay"
WRONG_LOGIN = "validator"
"""The one whose password the brokers refuse; the others get as far as their stores and databases."""
TO_THE_STORE = "trainer"
"""The one that finds its database, and so gets as far as the store of its tables."""
TO_REDIS = "ingest"
"""The one that lets everybody in, and so gets as far as the answers that Redis keeps."""
BY_FILE = ("ingest", "trainer", "profile", "validator")
COMMANDS = (("status", "--json"), ("doctor",), ("keys", "list"), ("notify", "test"))
WORKED_S = 8.0
"""After all have begun: everything is tried, refused and tried again in less."""


class Bench:
    """A platform whose every credential is wrong, or right and planted as well."""

    def __init__(self, secured: Secured, prefix: str, root: Path, folder: Path, given: dict[str, str]) -> None:
        self.secured, self.prefix, self.folder, self.given = secured, prefix, folder, given
        secrets = folder / "secrets"
        secrets.mkdir()
        self.planted = Planted(secrets)
        self.ports = Ports()
        self.processes: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
        self.settings = CommonSettings(
            kafka_bootstrap=secured.inside, prefix=prefix, schemas=root / "schemas", models_dir=root / "models",
            models=(MODEL,), partitions=1,
        )  # fmt: skip
        self.view = PlatformView(self.settings, {})

    def prepare(self) -> None:
        """Topics, a user who may do everything with them, and a version whose artifact lies where nobody may read."""
        topics = self.view.topics
        ensure_topics(admin(self.settings), topics, [MODEL], 1)
        self.planted.known("the signing key", Path(os.environ["TIDEMILL_SIGNING_KEY"]).read_text().splitlines()[1])
        self.user = f"{self.prefix}all"
        self.password = self.planted.secret("Kafka's password")
        self.secured.add_user(self.user, self.password)
        for kind in (ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID):
            allow(self.secured, f"User:{self.user}", kind, "*", "ALL")
        here = publish_toy((self.folder / "artifacts").as_uri(), MODEL, 1, feature="distance", start_offsets=(0,))
        assert here.champion is not None
        away = replace(here, champion=replace(here.champion, artifact_uri=f"s3://planted/{MODEL}/1-run1"))
        value = self.view.codec.encode_one(away.to_dict(), self.view.schemas.platform("model-version"))
        with Publisher(self.settings) as publisher:
            publisher.publish(topics.name("model_versions"), value, key=MODEL.encode())

    def variables(self, name: str) -> dict[str, str]:
        """Settings of one process, each secret of its own."""
        plant, by_file = self.planted.secret, name in BY_FILE
        password = plant("a wrong Kafka password") if name == WRONG_LOGIN else self.password
        database = make_url(self.given["database"]).set(password=plant("the database's password"))
        http = self.given["http"]
        secret = {
            "TIDEMILL_KAFKA_SASL_PASSWORD": password,
            "TIDEMILL_DATABASE_URL": database.render_as_string(hide_password=False),
            "TIDEMILL_REDIS_URL": f"redis://:{plant('the password of Redis')}@{self.given['redis']}/0",
            "TIDEMILL_MLFLOW_TRACKING_URI": f"http://tidemill:{plant('the password of MLflow')}@{http}",
            "TIDEMILL_OTLP_ENDPOINT": f"http://tidemill:{plant('the password of the collector')}@{http}",
            "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
            "AWS_SECRET_ACCESS_KEY": plant("the store's key"),
            "AWS_SESSION_TOKEN": plant("the store's session token"),
        }
        if name in (TO_THE_STORE, "cli"):
            secret |= self._channels()
        key = self.folder / "secrets" / f"privacy-{name}"
        key.write_text(plant("the privacy key"))
        login = {k: v for k, v in self.secured.variables(self.user, "unused").items() if "PASSWORD" not in k}
        if name == TO_THE_STORE:
            secret["TIDEMILL_DATABASE_URL"] = f"sqlite:///{self.folder / 'tidemill.db'}"
        return login | self.planted.given(secret, by_file=by_file) | {
            "TIDEMILL_PREFIX": self.prefix, "TIDEMILL_PARTITIONS": "1", "TIDEMILL_MODELS": MODEL,
            "TIDEMILL_SCHEMAS": str(self.settings.schemas), "TIDEMILL_MODELS_DIR": str(self.settings.models_dir),
            "TIDEMILL_TRUSTED_KEYS": os.environ["TIDEMILL_TRUSTED_KEYS"],
            "TIDEMILL_AUTH": "off" if name == TO_REDIS else "on",
            "TIDEMILL_SIGNING_KEY": os.environ["TIDEMILL_SIGNING_KEY"],
            "TIDEMILL_CACHE_MODELS": MODEL, "TIDEMILL_PRIVACY_KEY_FILE": str(key),
            "TIDEMILL_ARTIFACTS": "s3://planted", "TIDEMILL_TABLES": "s3://planted/tables",
            "AWS_ENDPOINT_URL": f"http://{http}", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "eu-central-1",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={plant('the token of the collector')}",
            "TIDEMILL_SPANS_DIR": str(self.folder / "spans"), "TIDEMILL_TRACE_RATIO": "1",
            "TIDEMILL_LOG_LEVEL": "DEBUG",
        }  # fmt: skip

    def _channels(self) -> dict[str, str]:
        """Ways to people: addresses of web hooks are secrets too."""
        plant, http = self.planted.secret, self.given["http"]
        return {
            "TIDEMILL_NOTIFY_WEBHOOK_URL": f"http://{http}/{plant('the address of a web hook')}",
            "TIDEMILL_NOTIFY_WEBHOOK_SECRET": plant("what web hooks are signed with"),
            "TIDEMILL_NOTIFY_SLACK_URL": f"http://{http}/{plant('the address of a Slack hook')}",
            "TIDEMILL_NOTIFY_GITHUB_URL": f"http://{http}", "TIDEMILL_NOTIFY_GITHUB_REPOSITORY": "an/owner",
            "TIDEMILL_NOTIFY_GITHUB_TOKEN": plant("GitHub's token"),
            "TIDEMILL_NOTIFY_SMTP_HOST": "127.0.0.1", "TIDEMILL_NOTIFY_SMTP_PORT": http.partition(":")[2],
            "TIDEMILL_NOTIFY_SMTP_USER": "tidemill", "TIDEMILL_NOTIFY_SMTP_PASSWORD": plant("the password of mail"),
            "TIDEMILL_NOTIFY_EMAIL_FROM": "a@example.org", "TIDEMILL_NOTIFY_EMAIL_TO": "b@example.org",
        }  # fmt: skip

    def start(self) -> None:
        for service in SERVICES:
            port = self.ports.take(service.name)
            over = self.variables(service.name) | {"TIDEMILL_LOG_FILE": str(self.folder / f"{service.name}.log")}
            environment = FRUGAL | service_process.environment({}, inherit=False) | over | {"TIDEMILL_PORT": str(port)}
            with (self.folder / f"{service.name}.console").open("wb") as out:
                child = subprocess.Popen(
                    service_command(service), env=environment, cwd=self.folder, stdout=out, stderr=out
                )
            self.processes[service.name] = child, port

    def stop(self) -> None:
        for child, _ in self.processes.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child, _ in self.processes.values():
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def ask(self, name: str, path: str, **options: object) -> bytes | None:
        """Head and body of an answer; None where nothing answers."""
        try:
            answer = httpx.request(
                str(options.pop("method", "GET")), f"http://127.0.0.1:{self.processes[name][1]}{path}", timeout=20,
                **options,  # type: ignore[arg-type]
            )  # fmt: skip
        except httpx.HTTPError:
            return None
        return str(answer.headers).encode() + answer.content


@pytest.fixture
def bench(secured: Secured, prefix: str, root: Path, tmp_path: Path) -> Iterator[Bench]:
    with (
        tempfile.TemporaryDirectory(prefix="tidemill-postgres-") as postgres,
        refusing_server() as http,
        strict_redis(tmp_path) as address,
    ):
        Path(postgres).chmod(0o755)
        with strict_database(Path(postgres)) as database:
            made = Bench(secured, prefix, root, tmp_path, {"http": http, "redis": address, "database": database})
            made.prepare()
            try:
                yield made
            finally:
                made.stop()


@pytest.mark.needs("redis-server")
def test_no_secret_comes_out_of_anything_that_refuses_it(bench: Bench) -> None:
    bench.start()
    until(lambda: all(bench.ask(name, "/health/live") for name in running(bench)), 120, "all live", every=0.5)
    ends = time.monotonic() + WORKED_S
    said = dict(answers(bench))
    until(lambda: time.monotonic() > ends, WORKED_S + 5, "all had their time")
    said |= dict(answers(bench)) | dict(commands(bench))
    alive = running(bench)
    bench.stop()
    said |= dict(files(bench)) | dict(records(bench))
    found = [hit for where, text in said.items() for hit in bench.planted.found_in(where, text)]
    size = sum(map(len, said.values()))
    print(f"\n{len(bench.planted.names)} secrets, looked for in {len(said)} places of {size:,} bytes")
    assert not found, "\n".join(found)
    assert {"ingest", "serve", "stream", "trainer"} <= set(alive), f"only {alive} lived on: {ends_of(bench)}"
    with redis.Redis.from_url(f"redis://:another@{bench.given['redis']}/0") as client:
        assert client.acl_log(), "Redis was asked by nobody with what is planted"
    for refusal in REFUSALS:
        assert any(refusal in text for text in said.values()), f"nobody was refused by {refusal!r}"


REFUSALS = (b"refuse the credentials", b"password authentication failed", b"SignatureDoesNotMatch")
"""What shows that Kafka, the database and the store were asked with what is planted."""


def running(bench: Bench) -> list[str]:
    return [name for name, (child, _) in bench.processes.items() if child.poll() is None]


def answers(bench: Bench) -> Iterator[tuple[str, bytes]]:
    """Of what anybody may ask, and of what they may not: with keys and tokens that are wrong."""
    key, token = bench.planted.secret("a caller's key"), bench.planted.secret("a caller's token")
    wrong = [{"X-API-Key": key}, {"X-API-Key": f"tm_{key}"}, {"Authorization": f"Bearer {token}"},
             {"Authorization": f"Bearer a.{token}.c"}, {"Authorization": f"Basic {key}"}]  # fmt: skip
    asked = [(name, path, {}) for name in running(bench) for path in ("/metrics", "/health/ready", "/health/live")]
    for name, path in (("ingest", f"/v1/events/{MODEL}"), ("serve", f"/v1/models/{MODEL}/predict")):
        asked += [(name, path, {"method": "POST", "json": {"event_id": "e"}, "headers": head}) for head in wrong]
        asked += [(name, f"{path}?api_key={key}", {"method": "POST", "content": b"{"})]
    kept = {"Idempotency-Key": "again"}
    asked.append((TO_REDIS, f"/v1/events/{MODEL}", {"method": "POST", "json": [event("e")], "headers": kept}))
    for number, (name, path, options) in enumerate(asked):
        answer = bench.ask(name, path, **options)
        if answer is not None:
            yield f"answer {number} of {name}{path.partition('?')[0]}", answer


def commands(bench: Bench) -> Iterator[tuple[str, bytes]]:
    """The command line, and what a service says of settings that cannot be right."""
    environment = service_process.environment({}, inherit=False) | bench.variables("cli")
    bad_key, bad_url = (bench.planted.secret(f"a {what} that cannot be right") for what in ("key", "password"))
    no_key = {"TIDEMILL_KAFKA_SSL_KEY_PASSWORD": bad_key, "TIDEMILL_KAFKA_SSL_KEY_PEM": f"-----{bad_key}-----"}
    no_urls = {f"TIDEMILL_{of}_URL": f"nonsense://:{bad_url}@127.0.0.1:1/x" for of in ("DATABASE", "REDIS")}
    runs = [(arguments, environment, service_process.CLI) for arguments in COMMANDS]
    runs += [(("doctor",), environment | no_key, service_process.CLI), ((), environment | no_urls, "tidemill_ingest")]
    with ThreadPoolExecutor(3) as pool:
        yield from pool.map(lambda one: _run(bench, *one), runs)


def _run(bench: Bench, arguments: tuple[str, ...], env: dict[str, str], module: str) -> tuple[str, bytes]:
    done = service_process.run(*arguments, env=env, module=module, timeout_s=90, cwd=bench.folder)
    return f"`{module} {' '.join(arguments)}` ({len(env)} variables)", (done.stdout + done.stderr).encode()


def files(bench: Bench) -> Iterator[tuple[str, bytes]]:
    """Everything that was written, but for the files by which secrets were given."""
    for path in bench.folder.rglob("*"):
        if path.is_file() and "secrets" not in path.relative_to(bench.folder).parts:
            yield str(path.relative_to(bench.folder)), path.read_bytes()


def records(bench: Bench) -> Iterator[tuple[str, bytes]]:
    for topic in bench.view.topics.all_topics([MODEL]):
        parts = [b"\n".join(value or b"" for value in batch.values) for batch in scan(bench.settings, topic)]
        yield f"topic {topic}", b"\n".join(parts)


def ends_of(bench: Bench) -> str:
    return "\n".join(
        f"{name}: {(bench.folder / f'{name}.console').read_text()[-400:]}"
        for name, (child, _) in bench.processes.items()
        if child.poll() is not None
    )
