"""`make k8s`: a control plane with KEDA on this machine, a platform on it, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests.kubernetes.beside import started
from tests.kubernetes.cluster import control_plane, keda
from tests.kubernetes.cluster.api import Api
from tests.kubernetes.cluster.enter import ENTER, inside
from tests.kubernetes.cluster.tools import ROOT, lacking, tools
from tests.kubernetes.node.node import Node
from tests.kubernetes.platform import deploy, rendered
from tests.support.kubernetes.rendering import OVERLAYS
from tests.support.processes.go_programs import ToolsMissing
from tests.support.signing import use_keys_of_this_run

OVERLAY = "staging"


def say(line: str) -> None:
    """For who waits."""
    print(line, flush=True)


def main() -> int:
    """0 after Ctrl-C, 1 where something is missing."""
    if (said := lacking()) is not None:
        say(f"no cluster can be run here: {said}")
        return 1
    try:
        made = tools(say)
    except ToolsMissing as missing:
        say(f"no cluster can be run here: {missing}")
        return 1
    if not inside():
        os.execv(sys.executable, [sys.executable, "-m", ENTER, sys.executable, "-m", "tests.kubernetes"])
    use_keys_of_this_run()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with (
        tempfile.TemporaryDirectory(prefix="tidemill-k8s-") as folder,
        started(Path(folder) / "beside", ROOT) as beside,
    ):
        cluster = control_plane.start(made, Path(folder) / "cluster")
        nodes = [Node(Api(cluster.kubeconfig), f"node-{k}", Path(folder) / "pods", ROOT, k) for k in (1, 2)]
        try:
            keda.start_keda(cluster)
            control_plane.know_foreign_kinds(cluster)
            say("Kubernetes and KEDA are up")
            for overlay in OVERLAYS:
                found = sum(1 for _ in rendered(cluster, overlay))
                say(f"overlay {overlay}: {found} objects")
            for node in nodes:
                node.start()
            deployed = deploy(cluster, beside, ROOT, OVERLAY)
            say(f"the overlay {OVERLAY} is applied; two nodes run its pods as processes of this machine")
            say(f"in this network (nsenter --net -t {os.getpid()}):")
            say(f"  export KUBECONFIG={cluster.kubeconfig} PATH={made.folder / 'bin'}:$PATH")
            say(f"  kubectl -n {deployed.namespace} get pods,scaledobjects,scaledjobs")
            say(f"logs of pods are below {Path(folder) / 'pods'}. Ctrl-C ends everything.")
            while not stop.wait(1):
                cluster.children.check()
                for node in nodes:
                    node.check()
        finally:
            for node in nodes:
                node.stop()
            cluster.children.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
