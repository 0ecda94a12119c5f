"""What keeps both of the trainer's processes small."""

from __future__ import annotations

from tidemill.service.footprint import leave_out, share_arenas

UNUSED = ("pandas", "polars")
"""MLflow, scikit-learn and pyarrow import them where they are installed: 70 MB for tables that are Arrow here."""

MEMORY_ENVIRONMENT = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "TOKIO_WORKER_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
}
"""One heap instead of one per library and thread: what one step frees the next one can use."""


def leave_out_unused() -> None:
    """Before anything large is imported."""
    leave_out(*UNUSED)


def share_one_heap() -> None:
    """What `MEMORY_ENVIRONMENT` does at a process's start, for one that runs already: before threads are
    started.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    share_arenas(1)
