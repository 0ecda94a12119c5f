"""Programs that some tests run beside ours and pip does not bring: named by an environment variable, or on the PATH.

A test that needs one says so: `@pytest.mark.needs("promtool")`. On a machine without it the test is left out, and the
run says at its end how to install it; where CI=true the test runs and fails, but for `NOT_FROM_DEBIAN`.
"""

from __future__ import annotations

import os
import shutil

PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "redis-server": "redis-server",
    "chromium": "chromium",
    "openssl": "openssl",
    "go": "golang-go",
}
"""The programs, and Debian's package of each."""
NOT_FROM_DEBIAN = {
    "kubectl": "kubectl 1.27 or newer (Debian 12's is too old): https://kubernetes.io/docs/tasks/tools",
    "otelcol": "OpenTelemetry Collector, contrib: https://opentelemetry.io/docs/collector/install",
}
"""Programs that no command of ours installs, and what to say of them. Also in CI a test is left out without them."""
BESIDE = {
    "terraform": "Terraform 1.7 or newer: https://developer.hashicorp.com/terraform/install",
    "tofu": "OpenTofu 1.8 or newer: https://opentofu.org/docs/intro/install",
    "tflint": "https://github.com/terraform-linters/tflint",
}
"""As NOT_FROM_DEBIAN, of `make terraform` alone, which says itself what it left out."""
_OTHER_NAMES = {"alertmanager": ("prometheus-alertmanager",)}


def program(name: str) -> str:
    """Where a program is: named by TIDEMILL_<NAME>, or on the PATH. Fails the test where it is nowhere."""
    found = program_or_none(name)
    assert found is not None, how_to_have(name)
    return found


def program_or_none(name: str) -> str | None:
    """As `program`; None where it is nowhere."""
    named = os.environ.get(variable(name))
    return named or next(filter(None, map(shutil.which, (name, *_OTHER_NAMES.get(name, ())))), None)


def variable(name: str) -> str:
    """The environment variable that may name a program's path."""
    return f"TIDEMILL_{name.upper().replace('-', '_')}"


def how_to_have(name: str) -> str:
    """What to do so that a program is found."""
    if said := (NOT_FROM_DEBIAN | BESIDE).get(name):
        return f"{name} is not installed: {said}, or {variable(name)}=/path/to/{name}"
    return f"{name} is not installed: apt-get install {PACKAGES[name]}, or {variable(name)}=/path/to/{name}"
