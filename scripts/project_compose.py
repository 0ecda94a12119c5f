"""Writes the Compose files that `tidemill init` gives a project, out of the repository's own: `make compose-files`.

What a project has of its own is mounted (models, schemas, tidemill.yaml); images are named by the release and not
built; what watches (collector, Jaeger, Prometheus, Alertmanager, Grafana) is left out, since its files are the
repository's.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "libs/operations/src/tidemill_operations/project/compose"
SCRIPTS = ("databases.sh", "buckets.sh", "make-certificate.sh")
HEAD = """\
# This project's platform on one machine: Apache Kafka, a schema registry, stores, MLflow and Tidemill's services.
#
#   sh compose/make-env.sh          writes .env with passwords of this machine's own, once
#   docker compose up --wait        then push events to http://localhost:8081 and ask http://localhost:8082
#   docker compose run --rm topics keys create me --scope ingest --scope predict     makes the key that both ask for
#
# models/, schemas/ and tidemill.yaml of this folder are mounted. Images of ours have the tag of the release that wrote
# this file; TIDEMILL_TAG names another: `latest` for those that `docker compose build` makes in a clone of Tidemill.
# Everything listens on loopback only, and no password has a default.

"""
TLS_HEAD = """\
# Beside docker-compose.yml: every door of ours speaks TLS.
#
#   sh compose/make-certificate.sh       an authority of your own and a certificate, in compose/tls
#   docker compose -f docker-compose.yml -f docker-compose.tls.yml up --wait
#
# then push events to https://localhost:8081 and ask https://localhost:8082; callers believe compose/tls/served/ca.crt.

"""
LEFT_TO_PROJECT = ("TIDEMILL_OTLP_ENDPOINT", "TIDEMILL_TRACE_RATIO", "TIDEMILL_LOG_LEVEL", "TIDEMILL_PARTITIONS")
OURS = re.compile(r"^(\s+image: tidemill/[a-z]+)$", re.MULTILINE)
SCRAPES = re.compile(r"^  prometheus:\n(?: {4}.*\n)+", re.MULTILINE)
WATCHES = re.compile(r"  # --- what watches -.*?(?=^volumes:$)", re.MULTILINE | re.DOTALL)


def files(root: Path) -> dict[str, str]:
    """The text of each file of a project, by its name; `@NAME@` stands for the project's, `@TAG@` for the release's."""
    folder = root / "deploy/compose"
    texts = {f"compose/{name}": _moved((folder / name).read_text(encoding="utf-8")) for name in SCRIPTS}
    compose = _compose((root / "docker-compose.yml").read_text(encoding="utf-8"))
    script = (folder / "make-env.sh").read_text(encoding="utf-8")
    secrets = (folder / "secrets.txt").read_text(encoding="utf-8").splitlines()
    asked = [line for line in secrets if line.startswith("#") or f"{{{line}:?" in compose]
    return {
        "docker-compose.yml": compose,
        "docker-compose.tls.yml": _by_tls((root / "docker-compose.tls.yml").read_text(encoding="utf-8")),
        "compose/make-env.sh": _moved(script.replace('/../.."', '/.."')),
        "compose/secrets.txt": _moved("\n".join(asked) + "\n"),
        **texts,
    }


def _compose(text: str) -> str:
    _, name, rest = text.partition("name: tidemill\n")
    assert name, "docker-compose.yml has no `name: tidemill` any more"
    rest = WATCHES.sub("", rest)
    lines = [line for line in rest.splitlines() if not _left_out(line)]
    rest = OURS.sub(r"\1:${TIDEMILL_TAG:-@TAG@}", "\n".join(lines) + "\n")
    mounted = "./models:/app/models:ro"
    rest = re.sub(
        rf"^( *)- {re.escape(mounted)}$", r"\g<0>\n\1- ./tidemill.yaml:/app/tidemill.yaml:ro", rest, flags=re.M
    )
    return HEAD + "name: @NAME@\n" + _moved(rest)


def _by_tls(text: str) -> str:
    """Without Prometheus, which a project does not have."""
    rest, without = SCRAPES.subn("", text[text.index("x-door:") :])
    assert without == 1, "docker-compose.tls.yml has no prometheus any more"
    return TLS_HEAD + _moved(rest)


def _moved(text: str) -> str:
    """With paths as they are in a project."""
    return text.replace("deploy/compose/", "compose/")


def _left_out(line: str) -> bool:
    """Builds; what goes to the collector; and settings that are the project's to say, in tidemill.yaml."""
    stated = line.strip()
    named = stated.partition(":")[0]
    return named == "build" or named in LEFT_TO_PROJECT or stated in ("prometheus:", "loki:", "logs:")


def main() -> int:
    """Writes what differs."""
    for name, text in files(ROOT).items():
        path = TARGET / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
