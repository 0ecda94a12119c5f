"""What pip is told about its registry (mirror, certificates, proxy), handed on to uv through the environment
only.

So a company's mirror is configured once, for pip, and nothing of it is ever written into a file of this
repository.
"""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

ADVICE = (
    "Is the package registry reachable from here? Behind a proxy set HTTPS_PROXY; with a mirror of your own "
    "set PIP_INDEX_URL (or `pip config set global.index-url ...`) and, for its certificate, PIP_CERT."
)
CONNECT_SECONDS = 5.0
# pip's setting -> uv's variable, for those that carry over as they are
SAME = {"index-url": "UV_DEFAULT_INDEX", "keyring-provider": "UV_KEYRING_PROVIDER"}


def pip_settings(python: Path) -> dict[str, str]:
    """pip's effective settings by name: environment first, then those for `install`, then global ones."""
    answer = subprocess.run(
        [str(python), "-m", "pip", "config", "list", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[int, dict[str, str]] = {0: {}, 1: {}, 2: {}}
    for line in answer.stdout.splitlines():
        key, separator, value = line.partition("=")
        section, _, name = key.rpartition(".")
        rank = {"global": 0, "install": 1, ":env:": 2}.get(section)
        if separator and rank is not None:
            found[rank][name] = str(ast.literal_eval(value))
    return found[0] | found[1] | found[2]


def uv_environment(python: Path) -> dict[str, str]:
    """The environment in which uv asks the registry that pip would ask. What is set for uv already wins."""
    pip = pip_settings(python)
    told = {variable: pip[name] for name, variable in SAME.items() if name in pip}
    if "cert" in pip:
        told["SSL_CERT_FILE"] = pip["cert"]
    if "proxy" in pip:
        told["HTTPS_PROXY"] = told["HTTP_PROXY"] = pip["proxy"]
    if "extra-index-url" in pip:
        told["UV_INDEX"] = " ".join(pip["extra-index-url"].split())
    if "find-links" in pip:
        links = [link for link in pip["find-links"].split() if "://" in link or Path(link).is_dir()]
        told["UV_FIND_LINKS"] = ",".join(links)
    if "trusted-host" in pip:
        told["UV_INSECURE_HOST"] = " ".join(pip["trusted-host"].split())
    if pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        told["UV_NO_INDEX"] = "1"
    told |= {
        "UV_HTTP_RETRIES": "1",
        "UV_HTTP_TIMEOUT": "8",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    return {name: value for name, value in told.items() if value} | dict(os.environ)


def unreachable(python: Path) -> str | None:
    """Why the registry cannot be reached, in words that say what to do; None where it can. Takes seconds at
    most.
    """
    pip = pip_settings(python)
    if pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        return None
    url = os.environ.get("UV_DEFAULT_INDEX") or pip.get("index-url") or default_index(python)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    proxy = pip.get("proxy") or urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname):
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        return f"{host}:{port}, from which packages come, cannot be reached ({error}). {ADVICE}"
    return None


def default_index(python: Path) -> str:
    """The registry that pip has built in."""
    code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    answer = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return answer.stdout.strip()
