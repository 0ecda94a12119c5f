"""What else the bytes of a graph hang on: Python, the libraries, and the kernels that add up numbers here."""

from __future__ import annotations

import platform
from importlib.metadata import version

LIBRARIES = ("scikit-learn", "scipy", "numpy", "onnx", "onnxruntime", "pyarrow")


def libraries() -> dict[str, str]:
    """Version by name of each library that touches a version's data, fit or graph."""
    return {name: version(name) for name in LIBRARIES}


def environment() -> dict[str, str]:
    """`python`, `machine` (such as x86_64), and `blas`: which kernels of linear algebra this processor gets, for they
    add up in orders of their own.
    """
    return {"python": platform.python_version(), "machine": platform.machine(), "blas": _blas()}


def _blas() -> str:
    import sklearn.linear_model  # noqa: F401 -- the libraries that are loaded are asked
    from threadpoolctl import threadpool_info

    found = {
        f"{one['internal_api']} {one.get('version') or ''} {one.get('architecture') or ''}".strip()
        for one in threadpool_info()
        if one["user_api"] == "blas"
    }
    return ", ".join(sorted(found))
