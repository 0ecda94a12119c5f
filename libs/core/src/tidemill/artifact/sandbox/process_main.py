"""The process in which models are first loaded: `python -m tidemill.artifact.sandbox.process_main FD`.

It has imported ONNX Runtime, has loaded nothing, and forks a child for each model. The child may hang, eat memory or
crash: the kernel ends it at its time, it cannot take more memory than it was given, and this process goes on. It gets
its jobs from `prover.Prover` by a socket, and ends with whoever has the other end.
"""

from __future__ import annotations

import base64
import gc
import io
import json
import os
import resource
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

JOB = struct.Struct("!d")
"""What comes with the socket of a job: how long it may take, in s."""
LENGTH = struct.Struct("!Q")
READY = b"ready"
_IDENTITY = "CAgSADo7ChAKAXgSAXYiCElkZW50aXR5EgF3WhEKAXgSDAoKCAESBgoACgIIAWIRCgF2EgwKCggBEgYKAAoCCAFCBAoAEA0="
"""A graph whose `v` is its `x`."""
_FIRST_VICTIM = "1000"
"""Of a machine without memory: rather the child than whoever serves."""


def main() -> None:
    """Serve jobs until the other end of the socket is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    control = socket.socket(fileno=int(sys.argv[1]))
    _prepare()
    gc.freeze()
    control.sendall(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, JOB.size, 1)
        if len(message) < JOB.size or not descriptors:
            return
        if os.fork() == 0:
            _child(control, descriptors[0], *JOB.unpack(message))
        os.close(descriptors[0])


def _prepare() -> None:
    """Import, build and use once what every child needs: it inherits it."""
    import numpy as np

    from tidemill.artifact.golden import Golden, check_golden
    from tidemill.artifact.manifest import FeatureColumn, Manifest
    from tidemill.artifact.onnx_model import OnnxModel
    from tidemill.artifact.sandbox.proof import prove

    plain = Manifest(model="m", version=1, task="regression", output="v", features=(FeatureColumn("x", "number"),))
    manifest = Manifest.from_bytes(plain.to_bytes())
    values = np.ones((3, 1), dtype=np.float32)
    golden = Golden.from_bytes(Golden({"x": values}, values[:, 0]).to_bytes(), manifest)
    model = OnnxModel.load(base64.b64decode(_IDENTITY), manifest)
    check_golden(model, golden)
    prove(model, golden.inputs)


def _child(control: socket.socket, descriptor: int, timeout_s: float) -> None:
    """Do one job, and end."""
    try:
        signal.setitimer(signal.ITIMER_REAL, timeout_s)  # SIGALRM ends it, whatever native code does
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        control.close()
        with socket.socket(fileno=descriptor) as job:
            _send(job, json.dumps(_verdict(job)).encode())
    finally:
        os._exit(0)


def _verdict(job: socket.socket) -> dict[str, Any]:
    from tidemill.artifact.errors import ArtifactError, Reason

    try:
        _prove(job)
    except ArtifactError as error:
        return {"fit": False, "reason": error.reason, "error": str(error)}
    except MemoryError as error:
        return {"fit": False, "reason": Reason.PROOF, "error": f"it wants more memory than it is given: {error}"}
    except Exception as error:  # noqa: BLE001 - told to whoever asked
        return {"fit": False, "reason": Reason.OTHER, "error": f"{type(error).__name__}: {error}"}
    return {"fit": True}


def _prove(job: socket.socket) -> None:
    from tidemill.artifact.golden import Golden, check_golden
    from tidemill.artifact.manifest import Manifest
    from tidemill.artifact.onnx_model import OnnxModel, graph_session
    from tidemill.artifact.sandbox.proof import prove

    _, descriptors, _, _ = socket.recv_fds(job, 1, 1)
    header = json.loads(receive(job))
    manifest = Manifest.from_bytes(receive(job))
    golden = Golden.from_bytes(receive(job), manifest)
    source: bytes | str = f"/proc/self/fd/{descriptors[0]}" if descriptors else receive(job)
    bound_memory(int(header["memory"]))
    model = OnnxModel.checked(graph_session(source, 1), manifest)
    if header["repeats"]:
        check_golden(model, golden)
    prove(model, golden.inputs, int(header["batch"]))


def bound_memory(more: int) -> None:
    """From now on this process gets `more` bytes of address space, and no more."""
    with suppress(OSError):  # no Linux, or not allowed here
        Path("/proc/self/oom_score_adj").write_text(_FIRST_VICTIM, encoding="ascii")
    try:
        now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except OSError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))


def receive(job: socket.socket, most: int | None = None) -> bytes:
    """The next block of bytes. Raises EOFError, also where it has more than `most`: then nobody there is in his senses,
    and none of it is read.
    """
    (length,) = LENGTH.unpack(_exactly(job, LENGTH.size))
    if most is not None and length > most:
        raise EOFError(f"a block of {length} bytes, and at most {most} are taken")
    return _exactly(job, length)


def _send(job: socket.socket, data: bytes) -> None:
    job.sendall(LENGTH.pack(len(data)) + data)


def _exactly(job: socket.socket, size: int) -> bytes:
    data = io.BytesIO()
    while (left := size - data.tell()) > 0:
        part = job.recv(min(left, 1 << 20))
        if not part:
            raise EOFError("the other end is gone")
        data.write(part)
    return data.getvalue()


if __name__ == "__main__":
    main()
