"""The programs of a control plane, built once from Go's modules: etcd, Kubernetes' and KEDA's, pinned by hash.

Kubernetes and etcd are built by modules of our own (`go/`), whose `go.sum` names every module's hash. KEDA is built
where its module was unpacked, by its own `go.sum`; the hash of the module itself stands here.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.kubernetes.custom_resources import KEDA, SOURCES, source_folder
from tests.support.processes.go_programs import check_go, go_build

KUBERNETES = "1.34.4"
GO_AT_LEAST = (1, 26)
"""KEDA's own module asks for it."""
KUBERNETES_PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
KEDA_PARTS = {"keda-operator": "operator", "keda-adapter": "adapter", "keda-webhooks": "webhooks"}
ROOMS = Path(__file__).resolve().parent.parent
ROOT = ROOMS.parent.parent


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the programs are."""

    folder: Path

    def path(self, program: str) -> str:
        """Of `etcd`, or one of `KUBERNETES_PARTS` or `KEDA_PARTS`."""
        return str(self.folder / "bin" / program)


def tools(say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)) -> Tools:
    """Builds what is missing, with a line a program: on two idle cores about a quarter of an hour in all, 9 GB of disk.

    They lie in `.tools/kubernetes`, or where TIDEMILL_K8S_TOOLS says. Raises ToolsMissing without Go or `ip`.
    """
    made = Tools(Path(os.environ.get("TIDEMILL_K8S_TOOLS") or ROOT / ".tools/kubernetes").absolute())
    needed = {program: made.folder / "bin" / program for program in ("etcd", *KUBERNETES_PARTS, *KEDA_PARTS)}
    builds = {"etcd": _build_etcd, "kubectl": _build_kubernetes, "keda-webhooks": _build_keda}
    missing = [build for program, build in builds.items() if not needed[program].exists()]
    check_go(GO_AT_LEAST, "the control plane is built from Go's modules")
    for build in missing:
        build(made, say)
    for source in SOURCES:  # a network of one's own has no way to any of them
        source_folder(source)
    return made


def lacking() -> str | None:
    """What has to be there and is not, beside what `tools` builds."""
    if os.geteuid() != 0:
        return "a network of its own can be made by root alone: run it as root, in a container or a virtual machine say"
    missing = [program for program in ("ip", "unshare", "setpriv") if shutil.which(program) is None]
    return f"{', '.join(missing)} not found: apt-get install iproute2 util-linux" if missing else None


def _build_etcd(made: Tools, say: Callable[[str], None]) -> None:
    _go_build(made, ROOMS / "go/etcd", ".", "etcd", "", say)


def _build_kubernetes(made: Tools, say: Callable[[str], None]) -> None:
    version = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES.split(".")
    stamp = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    stamp["buildDate"] = "2026-01-01T00:00:00Z"
    flags = " ".join(f"-X {version}.{name}={value}" for name, value in stamp.items())
    _go_build(made, ROOMS / "go/kube", ".", "kube", flags, say)
    for part in KUBERNETES_PARTS:
        link = made.folder / "bin" / part
        link.unlink(missing_ok=True)
        link.symlink_to("kube")


def _build_keda(made: Tools, say: Callable[[str], None]) -> None:
    version = KEDA.version.removeprefix("v")
    for program, part in KEDA_PARTS.items():
        flags = f"-X {KEDA.module}/version.Version={version}"
        _go_build(made, source_folder(KEDA), f"./cmd/{part}", program, flags, say)


def _go_build(made: Tools, folder: Path, package: str, program: str, flags: str, say: Callable[[str], None]) -> None:
    go_build(folder, package, made.folder / "bin" / program, say, flags)
