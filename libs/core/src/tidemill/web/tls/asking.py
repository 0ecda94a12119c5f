"""Asking a process of ours on this machine, in the clear or by TLS: for probes, and for commands that look at it."""

from __future__ import annotations

import http.client
import ssl
from os import PathLike
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

__all__ = ["NOTHING", "fetch", "trust_file"]

NOTHING: Final = (0, b"")
_END: Final = "-----END CERTIFICATE-----"


def fetch(
    url: str, certificate: str | PathLike[str] | None = None, timeout_s: float = 2.0, most: int = -1
) -> tuple[int, bytes]:
    """Status and body, or its first `most` bytes, of what a GET of `url` gives; NOTHING where no answer comes, none in
    time for a step of it. `certificate`: the file that the process serves with, where the URL is https; no proxy is
    asked.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "127.0.0.1", parts.path or "/"
    connection = http.client.HTTPConnection(host, parts.port or 80, timeout=timeout_s)
    try:
        if parts.scheme == "https":
            trust = trust_file(certificate) if certificate else ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, parts.port or 443, timeout=timeout_s, context=trust)
    except (OSError, ValueError):  # the file has gone, or is half written
        return NOTHING
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(None if most < 0 else most)
    except (OSError, http.client.HTTPException):
        return NOTHING
    finally:
        connection.close()


def trust_file(certificate: str | PathLike[str]) -> ssl.SSLContext:
    """Believes the first certificate of a server's file, by whatever name it is asked and whoever has signed it, and no
    other (but what it has signed itself, where it is an authority's). Raises OSError, ValueError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # a loopback address, which few certificates name
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    text = Path(certificate).read_text(encoding="latin-1")  # around PEM there may be words, in whatever encoding
    begin = text.find("-----BEGIN CERTIFICATE-----")
    end = text.find(_END, begin)
    if begin < 0 or end < 0:
        raise ValueError(f"{certificate} has no certificate in PEM")
    context.load_verify_locations(cadata=text[begin : end + len(_END)] + "\n")
    return context
