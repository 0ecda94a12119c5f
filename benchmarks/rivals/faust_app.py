"""What both Faust rivals start from: an application as Faust's guide writes one."""

from __future__ import annotations

import faust


def application(bootstrap: str, target: str) -> faust.App:
    """Without tables and web, with large batches to the broker. At least once: Faust's exactly-once mode has open
    defects (faust #323, #517).
    """
    return faust.App(
        f"{target}-faust",
        broker=f"kafka://{bootstrap}",
        store="memory://",
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        producer_linger=0.01,
        producer_max_batch_size=262_144,
        stream_wait_empty=False,
    )
