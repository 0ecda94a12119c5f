"""How much of everything a benchmark does: in full, or quickly to see that it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """`records`: of a measured run of ours and of the limit. `rival_records`: of a rival's, which are slower.

    `latency_s`: for how long events are pushed. `few`, `many`: events of the memory test. `models`, `partitions`:
    the larger counts of the cost tests. `audit_few`, `audit_many`: raw records of the audit, which reads
    three topics of as many. `rest_s`: for how long a server is asked. `rivals`: whether rivals run at all.

    `fire_rate`: REST requests a second of the open loop, `stream_rate` the records beside them. `steady_s`: before the
    first and after the last of the `swaps`, of which one comes every `swap_every_s`. `heavy_bytes`: of the models of
    the memory test, `heavy_swaps` of which follow each other. `load_s`: of the long load (`load_warm_s` before it and
    each phase); the cost of the log is found in `log_phases` phases of `log_phase_s` with it and as many without.

    `streams` of generated rows are played again, `stream_rows` of each.

    `watched`: events that are profiled, `watched_by_rivals` the rivals' part of them; `remembered`: predictions over
    which memory must not grow.
    """

    runs: int = 5
    batch_rows: int = 20_000
    records: int = 400_000
    rival_records: int = 10_000
    warm_records: int = 5_000
    batch_size: int = 10_000
    latency_s: float = 60.0
    latency_rate: int = 2_000
    few: int = 1_000_000
    many: int = 5_000_000
    models: int = 50
    partitions: int = 48
    scale_records: int = 240_000
    audit_few: int = 300_000
    audit_many: int = 3_400_000
    rest_s: float = 8.0
    rivals: bool = True
    fire_rate: int = 1_000
    stream_rate: int = 1_000
    steady_s: float = 15.0
    swaps: int = 100
    swap_every_s: float = 1.0
    heavy_bytes: int = 210_000_000
    heavy_swaps: int = 20
    load_s: float = 600.0
    load_warm_s: float = 5.0
    log_phases: int = 5
    log_phase_s: float = 20.0
    streams: int = 8
    stream_rows: int = 40_000
    watched: int = 300_000
    watched_by_rivals: int = 20_000
    remembered: int = 10_000_000


FULL = Sizes()
QUICK = Sizes(
    runs=1,
    batch_rows=2_000,
    records=12_000,
    rival_records=500,
    warm_records=100,
    batch_size=2_000,
    latency_s=3.0,
    latency_rate=500,
    few=10_000,
    many=20_000,
    models=3,
    partitions=8,
    scale_records=10_000,
    audit_few=2_000,
    audit_many=10_000,
    rest_s=2.0,
    rivals=False,
    fire_rate=100,
    stream_rate=200,
    steady_s=1.5,
    swaps=3,
    swap_every_s=0.6,
    heavy_bytes=4_000_000,
    heavy_swaps=2,
    load_s=2.0,
    load_warm_s=0.5,
    log_phases=1,
    log_phase_s=1.0,
    streams=1,
    stream_rows=3_200,
    watched=24_000,
    watched_by_rivals=2_000,
    remembered=100_000,
)
