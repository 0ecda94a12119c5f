"""Writes what services log in with, as files that belong into a cloud's secret manager: random, made once, yours alone.

    terraform output -json tidemill > outputs.json
    python3 make_secrets.py outputs.json secrets --database-ca rds.pem --kafka-ca amazon.pem

Run again it keeps every password and writes the files anew, with what is new. A password that another has made is put
into FOLDER/passwords/NAME first: redis, kafka-USER. Standard library and openssl alone.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
from pathlib import Path
from urllib.parse import quote

ROLES = ("operator", "ingest", "inference", "trainer", "mlflow", "registry", "keda", "backup")
"""Of PostgreSQL: those of deploy/compose/databases.sh, KEDA's and that of backups (docs/kubernetes.md)."""
KAFKA_USER = {
    "ingest": "ingest", "validator": "validator", "serve": "inference", "stream": "inference", "trainer": "trainer",
    "drift-profile": "drift", "drift-detect": "drift", "release": "cli", "backup": "backup", "keda-credentials": "keda",
}  # fmt: skip
"""As whom a workload logs in at Kafka."""
DATABASE_ROLE = {
    "ingest": "ingest",
    "serve": "inference",
    "trainer": "trainer",
    "release": "operator",
    "backup": "operator",
}
WITH_REDIS = ("ingest", "serve")
MOUNTED = "/run/secrets/tidemill"


class Passwords:
    """In a folder, one a file: made at the first question, the same for ever after."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def of(self, name: str) -> str:
        """48 hexadecimal digits, 192 random bits."""
        path = self._folder / name
        if not path.exists() or not path.read_text():
            path.write_text(secrets.token_hex(24))
        return path.read_text().strip()


def main() -> None:
    """Read Terraform's outputs, write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outputs", type=Path, help="what `terraform output -json tidemill` printed")
    parser.add_argument("folder", type=Path, help="where the files go; keep it out of Git")
    parser.add_argument("--database-ca", type=Path, required=True, help="certificates (PEM) of PostgreSQL's authority")
    parser.add_argument("--kafka-ca", type=Path, required=True, help="certificates (PEM) of the brokers' authority")
    parser.add_argument("--redis-ca", type=Path, help="of Redis' authority, where it is none that everybody knows")
    given = parser.parse_args()
    os.umask(0o077)
    outputs = json.loads(given.outputs.read_text())
    passwords = Passwords(given.folder / "passwords")
    files = {
        **{f"services/{name}.json": content for name, content in services(
            outputs["endpoints"], passwords, given.database_ca.read_text(), given.kafka_ca.read_text(),
            given.redis_ca.read_text() if given.redis_ca else "").items()},
        **{f"kafka/{user}.json": {"username": f"tidemill-{user}", "password": passwords.of(f"kafka-{user}")}
           for user in sorted(set(KAFKA_USER.values()))},
        "signing-key.json": {"signing.pem": signing_key(given.folder)},
    }  # fmt: skip
    wanted = outputs["secrets"].keys()
    if wanted - files.keys():
        raise SystemExit(
            f"make_secrets: of another release than the module: nothing is known of {sorted(wanted - files.keys())}"
        )
    for name in sorted(wanted):
        path = given.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(files[name], indent=1))
    roles = "".join(f"{role.upper()}_PASSWORD={passwords.of(f'postgres-{role}')}\n" for role in ROLES)
    (given.folder / "databases.env").write_text(roles)
    passwords.of("redis")
    print(f"{len(wanted)} secrets are in {given.folder}; docs/clouds.md says how they get to where they belong")


def services(
    endpoints: dict[str, str], passwords: Passwords, database_ca: str, kafka_ca: str, redis_ca: str = ""
) -> dict[str, dict[str, str]]:
    """Each workload's Secret, key by key as docs/kubernetes.md lists them."""
    found: dict[str, dict[str, str]] = {}
    for service, user in KAFKA_USER.items():
        secret = {
            "kafka-username": f"tidemill-{user}",
            "kafka-password": passwords.of(f"kafka-{user}"),
            "kafka-ca.crt": kafka_ca,
        }
        if service in DATABASE_ROLE:
            role = DATABASE_ROLE[service]
            secret["database-url"] = database_url(endpoints, passwords, f"tidemill_{role}", role, "tidemill", MOUNTED)
            secret["database-ca.crt"] = database_ca
        if service in WITH_REDIS:
            secret["redis-url"] = f"rediss://:{quote(passwords.of('redis'), safe='')}@{endpoints['redis']}/0"
            if redis_ca:
                secret["redis-ca.crt"] = redis_ca
                secret["redis-url"] += f"?ssl_ca_certs={quote(f'{MOUNTED}/redis-ca.crt', safe='')}"
        found[service] = secret
    host, _, port = endpoints["database"].rpartition(":")
    found["keda-credentials"] |= {
        "kafka-sasl": "scram_sha512",
        "kafka-tls": "enable",
        "database-connection": f"host={host} port={port} dbname=tidemill user=tidemill_keda "
        f"password={passwords.of('postgres-keda')} sslmode=require",
    }
    found["mlflow"] = {
        "database-url": database_url(endpoints, passwords, "mlflow", "mlflow", "mlflow", "/run/secrets/mlflow"),
        "database-ca.crt": database_ca,
        "artifacts": endpoints["runs"],
    }
    return found


def database_url(
    endpoints: dict[str, str], passwords: Passwords, user: str, role: str, database: str, folder: str
) -> str:
    """An SQLAlchemy URL by which the server's certificate is held against `database-ca.crt` in `folder`."""
    certificate = quote(f"{folder}/database-ca.crt", safe="")
    mode = endpoints.get("sslmode", "verify-full")
    login = f"{user}:{passwords.of(f'postgres-{role}')}"
    return f"postgresql+psycopg://{login}@{endpoints['database']}/{database}?sslmode={mode}&sslrootcert={certificate}"


def signing_key(folder: Path) -> str:
    """The private key (Ed25519, PEM) by which versions are signed; the public one is beside it, `trusted.pem`."""
    private, public = folder / "signing.pem", folder / "trusted.pem"
    if not private.exists():
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(private)], check=True)
    subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)], check=True)
    return private.read_text()


if __name__ == "__main__":
    main()
