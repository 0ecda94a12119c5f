"""The keys of a test run: tests/conftest.py makes them, services and tests sign and trust by them."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.run_folder import run_folder
from tidemill.artifact.signing import Signer, new_keys


def use_keys_of_this_run() -> None:
    """Make keys for this process and the services that it starts, unless it was started with some."""
    if "TIDEMILL_SIGNING_KEY" in os.environ:
        return
    folder = run_folder("keys")
    os.environ["TIDEMILL_SIGNING_KEY"] = str(folder / "signing.pem")
    os.environ["TIDEMILL_TRUSTED_KEYS"] = str(folder / "trusted.pem")
    new_keys(folder / "signing.pem", folder / "trusted.pem")


def signer() -> Signer:
    """By the key of this run."""
    return Signer.read(Path(os.environ["TIDEMILL_SIGNING_KEY"]))
