"""Models: which versions answer, how well, on what data, and how late the truth comes."""

from __future__ import annotations

from boards.frame import Board
from boards.panels import Query, series
from boards.selectors import OF_MODEL, WINDOW, of_model, quantile

STATISTIC = "model, detector, subject, source"
"""The labels of what a detector measured."""
LABELLED = f"sum by (model, source) (increase(tidemill_drift_label_delay_seconds_count{OF_MODEL}[1h]))"
UNLABELLED = f"sum by (model, source) (increase(tidemill_drift_unlabelled_total{OF_MODEL}[1h]))"
VERSIONS = (
    series(
        "Versions",
        "That serves, that is published, and that is on trial.",
        "none",
        Query(f"max by (model) (model_version{OF_MODEL})", "{{model}} serves"),
        Query(f"max by (model) (tidemill_trainer_model_version{OF_MODEL})", "{{model}} published"),
        Query(f"max by (model) (tidemill_challenger_version{OF_MODEL}) > 0", "{{model}} on trial"),
    ),
    series(
        "Published, not served",
        "For how long a version waits to be loaded.",
        "s",
        Query(f"max by (model) (tidemill_model_pending_seconds{OF_MODEL})", "{{model}}"),
        alerts=["TidemillVersionNotLoaded"],
    ),
    series(
        "Refused",
        "The epoch of a newer version that was refused, by reason; 0 where none is.",
        "none",
        Query(f"max by (model, reason) (tidemill_model_refused_epoch{OF_MODEL})", "{{model}} {{reason}}"),
        alerts=["TidemillVersionRefused"],
    ),
    series(
        "Trial: share of the challenger",
        "Of the entities.",
        "percentunit",
        Query(f"max by (model) (tidemill_challenger_share{OF_MODEL})", "{{model}}"),
    ),
    series(
        "Trial: gain of the challenger",
        "Mean over the labels on which both arms were compared; above 0 it is better.",
        "short",
        Query(f"max by (model) (tidemill_trainer_trial_gain{OF_MODEL})", "{{model}}"),
    ),
    series(
        "Trial: rows without an answer",
        "Of each arm.",
        "ops",
        Query(
            f"sum by (model, arm, version) (rate(tidemill_arm_failed_total{OF_MODEL}[{WINDOW}]))",
            "{{model}}:{{version}} {{arm}}",
        ),
    ),
)
QUALITY = (
    series(
        "On labels that have arrived",
        "Newest measured metric of each version.",
        "short",
        Query(
            f"max by (model, version, arm, metric, source) (tidemill_drift_performance{of_model(metric='$metric')})",
            "{{model}}:{{version}} {{arm}} {{source}} {{metric}}",
        ),
        width=12,
    ),
    series(
        "On the test part of training",
        "Of the newest version.",
        "short",
        Query(f"max by (model, metric) (tidemill_trainer_score{of_model(metric='$metric')})", "{{model}} {{metric}}"),
        width=12,
    ),
    series(
        "Born bad",
        "1 while a version serves that was worse from its first labels on.",
        "short",
        Query(f"max by (model) (tidemill_trainer_born_bad{OF_MODEL})", "{{model}}"),
        alerts=["TidemillVersionBornBad"],
    ),
    series(
        "Label time: behind",
        "Commits of the training table that it has not come to.",
        "short",
        Query(f"max by (model) (tidemill_trainer_label_time_behind{OF_MODEL})", "{{model}}"),
        alerts=["TidemillLabelTimeBehind"],
    ),
    series(
        "Label time: fits left",
        "That the budget (retrain.at_most) allows now.",
        "short",
        Query(f"max by (model) (tidemill_trainer_label_time_fits_left{OF_MODEL})", "{{model}}"),
        alerts=["TidemillFitsUsedUp"],
    ),
    series(
        "Label time: change without a fit",
        "1 while answers became worse, and a fit is due that the budget does not allow.",
        "short",
        Query(
            f"max by (model) (tidemill_trainer_label_time_unanswered{OF_MODEL})"
            f" * max by (model) (tidemill_trainer_label_time_held_back{OF_MODEL})",
            "{{model}}",
        ),
        alerts=["TidemillChangeWithoutFit"],
    ),
)
DRIFT = (
    series(
        "Statistic by its threshold",
        "The ten nearest to theirs in the newest window: above 1 it is drift.",
        "percentunit",
        Query(
            f"topk(10, max by ({STATISTIC}) (tidemill_drift_statistic{OF_MODEL})"
            f" / max by ({STATISTIC}) (tidemill_drift_threshold{OF_MODEL}))",
            "{{model}} {{detector}} of {{subject}} {{source}}",
        ),
        width=12,
    ),
    series(
        "PSI",
        "Of each feature and of the scores, in the newest window (population stability index).",
        "short",
        Query(
            f"max by (model, subject, source) (tidemill_drift_statistic{of_model(detector='psi')})",
            "{{model}} {{subject}} {{source}}",
        ),
        width=12,
    ),
    series(
        "Drift of predictions and quality",
        "Events within an hour.",
        "short",
        Query(
            f"sum by (model, kind) (increase(tidemill_drift_events_total{of_model(kind='prediction|quality')}[1h]))",
            "{{model}} {{kind}}",
        ),
        alerts=["TidemillDrift"],
    ),
    series(
        "All drift",
        "Events within an hour; many at once are seldom the world's.",
        "short",
        Query(f"sum by (model) (increase(tidemill_drift_events_total{OF_MODEL}[1h]))", "{{model}}"),
        alerts=["TidemillDriftStorm"],
    ),
    series(
        "Quiet failures",
        "1 while one lasts: what fails without an error.",
        "short",
        Query(f"max by (model, failure) (tidemill_drift_quiet_failure{OF_MODEL})", "{{model}} {{failure}}"),
        alerts=[
            "TidemillTrafficStopped",
            "TidemillLabelsStopped",
            "TidemillJoinRateFell",
            "TidemillNewCategory",
            "TidemillNewClass",
        ],
    ),
)
LABELS = (
    series(
        "From an event until its outcome was observed",
        "Of predictions that got their first label, over an hour.",
        "s",
        *(
            Query(
                quantile(share, "model", f"tidemill_drift_label_delay_seconds{OF_MODEL}", "1h"), f"{{{{model}}}} {name}"
            )
            for share, name in ((0.5, "p50"), (0.95, "p95"))
        ),
    ),
    series(
        "Labelled of those that were due",
        "Of predictions whose label came, or can come no more, over an hour.",
        "percentunit",
        Query(
            f"{LABELLED} / ({LABELLED} + ({UNLABELLED} or 0 * {LABELLED}))",
            "{{model}} {{source}}",
        ),
    ),
    series(
        "Labels without an event",
        "Of an hour's labels.",
        "percentunit",
        Query(
            f"sum by (model) (delta(tidemill_drift_orphan_labels{OF_MODEL}[1h]))"
            f" / sum by (model) (delta(tidemill_drift_counted_labels{OF_MODEL}[1h]))",
            "{{model}}",
        ),
        alerts=["TidemillLabelsWithoutEvent"],
    ),
    series(
        "Predictions that wait for their label",
        "In the join of drift-profile.",
        "short",
        Query(f"sum by (model) (tidemill_drift_waiting_predictions{OF_MODEL})", "{{model}}"),
    ),
    series(
        "Labels that met no prediction",
        "Within ten minutes.",
        "short",
        Query(f"sum by (model) (increase(tidemill_drift_unmatched_total{OF_MODEL}[10m]))", "{{model}}"),
    ),
    series(
        "Came after their window was closed",
        "Records, within ten minutes.",
        "short",
        Query(f"sum by (model) (increase(tidemill_drift_late_total{OF_MODEL}[10m]))", "{{model}}"),
    ),
)
BOARD = Board(
    "tidemill-ml",
    "Tidemill: models",
    "Versions, how well they answer, drift, labels.",
    {"Versions": VERSIONS, "Quality": QUALITY, "Drift": DRIFT, "Labels": LABELS},
    {"namespace": "up", "model": "tidemill_validator_records_total", "metric": "tidemill_drift_performance"},
    swaps=True,
    span="now-6h",
)
