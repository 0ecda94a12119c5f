"""How large each image of ours is, beside the size that is wanted of it."""

from __future__ import annotations

import subprocess

WANTED_MB = {"ingest": 200, "inference": 450, "validator": 450, "drift": 450, "cli": 300, "trainer": 900}


def table() -> str:
    """A line an image, in megabytes of 10^6 bytes, unpacked, its base included."""
    lines = [f"{'image':12}{'MB':>8}{'wanted':>9}"]
    for name, wanted in WANTED_MB.items():
        size = size_mb(f"tidemill/{name}")
        lines.append(f"{name:12}{size:8.0f}{wanted:9}{'' if size <= wanted else '  NOT REACHED'}")
    return "\n".join(lines)


def size_mb(image: str) -> float:
    """What the engine holds of it."""
    command = ["docker", "image", "inspect", "-f", "{{.Size}}", image]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1e6


if __name__ == "__main__":
    print(table())
