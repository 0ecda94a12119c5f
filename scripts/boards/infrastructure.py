"""What it runs on: the machine (node exporter), our processes, and in Kubernetes replicas, volumes and certificates."""

from __future__ import annotations

from boards.frame import Board
from boards.panels import Query, number, series
from boards.selectors import HERE, WINDOW, here

DISKS = '{fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|erofs"}'
MACHINE = (
    series(
        "Free on disks",
        "Share that is left of each file system.",
        "percentunit",
        Query(
            f"min by (instance, mountpoint) (node_filesystem_avail_bytes{DISKS} / node_filesystem_size_bytes{DISKS})",
            "{{instance}} {{mountpoint}}",
        ),
        Query(
            "min by (namespace, persistentvolumeclaim)"
            f" (kubelet_volume_stats_available_bytes{HERE} / kubelet_volume_stats_capacity_bytes{HERE})",
            "{{namespace}} {{persistentvolumeclaim}}",
        ),
        alerts=["TidemillDiskFills"],
    ),
    series(
        "Processors at work",
        "Share of all cores of a machine.",
        "percentunit",
        Query(f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}[{WINDOW}]))', "{{instance}}"),
    ),
    series(
        "Memory available",
        "Share of a machine's.",
        "percentunit",
        Query("min by (instance) (node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)", "{{instance}}"),
    ),
    series(
        "Load by core",
        "Processes that run or wait, over a minute.",
        "short",
        Query(
            'max by (instance) (node_load1) / count by (instance) (node_cpu_seconds_total{mode="idle"})',
            "{{instance}}",
        ),
    ),
    series(
        "Written to disks",
        "Bytes a second.",
        "Bps",
        Query(f"sum by (instance, device) (rate(node_disk_written_bytes_total[{WINDOW}]))", "{{instance}} {{device}}"),
    ),
    series(
        "Disks at work",
        "Share of the time in which a disk had something to do.",
        "percentunit",
        Query(
            f"max by (instance, device) (rate(node_disk_io_time_seconds_total[{WINDOW}]))", "{{instance}} {{device}}"
        ),
    ),
)
PROCESSES = (
    series(
        "Answers",
        "1 where a process answers Prometheus.",
        "short",
        Query(
            f"min by (job, instance) (up{HERE})",
            "{{job}} {{instance}}",
        ),
        alerts=["TidemillDown"],
    ),
    series(
        "Memory",
        "Resident, of each process.",
        "bytes",
        Query(f"max by (job, instance) (process_resident_memory_bytes{HERE})", "{{job}} {{instance}}"),
    ),
    series(
        "Processors",
        "Cores that each process keeps busy.",
        "short",
        Query(f"max by (job, instance) (rate(process_cpu_seconds_total{HERE}[{WINDOW}]))", "{{job}} {{instance}}"),
    ),
    series(
        "Open files",
        "Share of what each process may open.",
        "percentunit",
        Query(f"max by (job, instance) (process_open_fds{HERE} / process_max_fds{HERE})", "{{job}} {{instance}}"),
    ),
    series(
        "Since it was started",
        "A line that falls to 0 is a restart.",
        "s",
        Query(f"time() - max by (job, instance) (process_start_time_seconds{HERE})", "{{job}} {{instance}}"),
    ),
    series(
        "Models in memory",
        "Where TIDEMILL_MODEL_MEMORY_MB limits them.",
        "bytes",
        Query(f"max by (job, instance) (tidemill_models_loaded_bytes{HERE})", "{{job}} {{instance}}"),
    ),
)
KUBERNETES = (
    series(
        "Replicas that are missing",
        "Fewer are ready than are wanted.",
        "short",
        Query(
            "sum by (namespace, deployment)"
            f" (kube_deployment_spec_replicas{HERE} - kube_deployment_status_replicas_available{HERE})",
            "{{namespace}} {{deployment}}",
        ),
        Query(
            "sum by (namespace, statefulset)"
            f" (kube_statefulset_replicas{HERE} - kube_statefulset_status_replicas_ready{HERE})",
            "{{namespace}} {{statefulset}}",
        ),
        alerts=["TidemillReplicasMissing"],
    ),
    series(
        "Replicas of serve",
        "Those that are available, and the least that there may be.",
        "short",
        Query(
            f"sum by (namespace) (kube_deployment_status_replicas_available{here(deployment='serve')})",
            "{{namespace}} available",
        ),
        Query(
            "max by (namespace)"
            f" (kube_horizontalpodautoscaler_spec_min_replicas{here(horizontalpodautoscaler='keda-hpa-serve')})",
            "{{namespace}} at least",
        ),
        alerts=["TidemillTooFewReplicas"],
    ),
)
CERTIFICATES = (
    number(
        "Days that certificates hold",
        "Those that our processes serve with.",
        "short",
        Query(
            f"min by (job, file) (tidemill_certificate_expires_timestamp_seconds{HERE} - time()) / 86400",
            "{{job}} {{file}}",
        ),
        alerts=["TidemillServedCertificateEnds"],
        width=8,
    ),
    number(
        "Days that certificates of cert-manager hold",
        "Those that it knows, in Kubernetes.",
        "short",
        Query(
            f"min by (namespace, name) (certmanager_certificate_expiration_timestamp_seconds{HERE} - time()) / 86400",
            "{{namespace}} {{name}}",
        ),
        alerts=["TidemillCertificateEnds"],
        width=8,
    ),
    number(
        "Certificates that were refused",
        "New files that could not be taken up, within half an hour; the one before goes on.",
        "short",
        Query(
            f"sum by (job) (increase(tidemill_certificate_loads_total{here(outcome='refused')}[30m]))",
            "{{job}}",
        ),
        alerts=["TidemillCertificateRefused"],
        width=8,
    ),
)
BOARD = Board(
    "tidemill-infrastructure",
    "Tidemill: infrastructure",
    "Machines, processes and, in Kubernetes, replicas. Brokers and stores have metrics and boards of their own.",
    {"Machine": MACHINE, "Processes": PROCESSES, "Kubernetes": KUBERNETES, "Certificates": CERTIFICATES},
)
