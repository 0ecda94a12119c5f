"""The API server over HTTP, for what kubectl would be too slow for: many small reads and writes a second."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpx
import yaml

MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"


class Api:
    """Requests as the user of a kubeconfig with a certificate."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        trust = ssl.create_default_context(cafile=cluster["certificate-authority"])
        trust.load_cert_chain(user["client-certificate"], user["client-key"])
        self._client = httpx.Client(base_url=cluster["server"], verify=trust, timeout=20, trust_env=False)

    def get(self, path: str, **query: str) -> Any:
        """The object or list. Raises HTTPStatusError from 400 on."""
        return self._client.get(path, params=query).raise_for_status().json()

    def find(self, path: str) -> Any | None:
        """As `get`; None where there is none."""
        answer = self._client.get(path)
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def create(self, path: str, body: Any) -> None:
        """An object that may be there."""
        answer = self._client.post(path, json=body)
        if answer.status_code != 409:
            answer.raise_for_status()

    def patch(self, path: str, body: Any, kind: str = MERGE) -> bool:
        """Whether the object was there."""
        answer = self._client.patch(path, json=body, headers={"content-type": kind})
        if answer.status_code == 404:
            return False
        answer.raise_for_status()
        return True

    def delete(self, path: str, body: Any = None) -> None:
        """An object that may be gone already."""
        answer = self._client.request("DELETE", path, json=body)
        if answer.status_code != 404:
            answer.raise_for_status()

    def close(self) -> None:
        """Ends its connections."""
        self._client.close()
