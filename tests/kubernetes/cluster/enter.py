"""A network of its own for a command: `python -m tests.kubernetes.cluster.enter COMMAND...`. Needs root.

KEDA's metrics and webhook servers listen on every interface that there is. Here that is loopback alone, of a network
that nobody else is in; what pods are told to have for addresses (10.88.0.0/16) is loopback, too.
"""

from __future__ import annotations

import os
import subprocess
import sys

ENTER = "tests.kubernetes.cluster.enter"
INSIDE = "TIDEMILL_K8S_INSIDE"
PODS = "10.88.0.0/16"


def inside() -> bool:
    """Whether this process is in such a network."""
    return INSIDE in os.environ


def main(command: list[str]) -> None:
    """Becomes `command`, in the network. Raises OSError where there is no such command."""
    if not inside():
        again = [sys.executable, "-m", ENTER, *command]
        os.execvpe("unshare", ["unshare", "--net", *again], {**os.environ, INSIDE: "1"})
    for step in (["link", "set", "lo", "up"], ["route", "add", "local", PODS, "dev", "lo"]):
        subprocess.run(["ip", *step], check=True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
