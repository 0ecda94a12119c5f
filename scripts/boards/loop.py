"""The loop at a glance: what comes in, what is answered, what is learned from it."""

from __future__ import annotations

from boards.frame import Board
from boards.panels import Query, number, series
from boards.selectors import HERE, OF_MODEL, WINDOW, of_model, quantile

EVENTS = (
    series(
        "Events by outcome",
        "What the validator made of the events: clean, dead, or set aside.",
        "ops",
        Query(
            f"sum by (outcome) (rate(tidemill_validator_records_total{of_model(role='raw')}[{WINDOW}]))", "{{outcome}}"
        ),
        stacked=True,
    ),
    series(
        "Share that went to the dead letters",
        "Of events and of labels, over a quarter of an hour.",
        "percentunit",
        Query(
            f"sum by (model, role) (increase(tidemill_validator_records_total{of_model(outcome='dead')}[15m]))"
            f" / sum by (model, role) (increase(tidemill_validator_records_total{OF_MODEL}[15m]))",
            "{{model}} {{role}}",
        ),
        alerts=["TidemillDeadLetters"],
    ),
    series(
        "Behind",
        "Offsets that each group has yet to read of each topic.",
        "short",
        Query(f"sum by (group, topic) (tidemill_consumer_lag{HERE})", "{{group}} of {{topic}}"),
        alerts=["TidemillLagGrows"],
    ),
)
ANSWERS = (
    series(
        "Predictions",
        "By who had asked and which version answered.",
        "ops",
        Query(
            f"sum by (model, version, source) (rate(model_predictions_total{OF_MODEL}[{WINDOW}]))",
            "{{model}}:{{version}} {{source}}",
        ),
        stacked=True,
    ),
    series(
        "Version that serves",
        "Of each process; they differ for the moment of a swap.",
        "none",
        Query(f"max by (model, instance) (model_version{OF_MODEL})", "{{model}} at {{instance}}"),
        alerts=["TidemillVersionRefused"],
    ),
    series(
        "From a version's event to serving it, p99",
        "How long swaps took.",
        "s",
        Query(quantile(0.99, "model", f"tidemill_model_swap_seconds{OF_MODEL}", "10m"), "{{model}}"),
        alerts=["TidemillVersionNotLoaded"],
    ),
)
LEARNING = (
    series(
        "Drift found",
        "Drift events by kind, within ten minutes.",
        "short",
        Query(f"sum by (model, kind) (increase(tidemill_drift_events_total{OF_MODEL}[10m]))", "{{model}} {{kind}}"),
    ),
    series(
        "Retrain requests",
        "By cause and by what was made of them, within ten minutes.",
        "short",
        Query(
            f"sum by (model, cause, outcome) (increase(tidemill_trainer_requests_total{OF_MODEL}[10m]))",
            "{{model}} {{cause}}: {{outcome}}",
        ),
    ),
    series(
        "Training runs that failed",
        "Within an hour.",
        "short",
        Query(
            f"sum by (model) (increase(tidemill_trainer_run_events_total{of_model(state='failed')}[1h]))", "{{model}}"
        ),
        alerts=["TidemillTrainingFailed"],
    ),
    series(
        "Training time, p90",
        "From claim to artifact.",
        "s",
        Query(quantile(0.9, "model", f"tidemill_trainer_train_seconds{OF_MODEL}", "1h"), "{{model}}"),
    ),
    series(
        "Rows collected for training",
        "Rows committed to the training tables, by what they are.",
        "rowsps",
        Query(
            f"sum by (model, kind) (rate(tidemill_trainer_rows_collected_total{OF_MODEL}[{WINDOW}]))",
            "{{model}} {{kind}}",
        ),
    ),
    series(
        "Waits for a store",
        "1 while a run, or the collecting of rows, waits because a store is full or away.",
        "short",
        Query(f"max by (model) (tidemill_trainer_waits_for_store{OF_MODEL})", "run of {{model}}"),
        Query(f"max by (instance) (tidemill_trainer_collect_waits{HERE})", "collect at {{instance}}"),
        alerts=["TidemillTrainerWaitsForStore", "TidemillCollectWaits"],
    ),
    series(
        "Releases",
        "Changes of what serves, within ten minutes.",
        "short",
        Query(
            f"sum by (model, action) (increase(tidemill_trainer_releases_total{OF_MODEL}[10m]))", "{{model}} {{action}}"
        ),
    ),
    series(
        "Taken back",
        "Versions that were taken back, within a quarter of an hour.",
        "short",
        Query(
            f"sum by (model) (increase(tidemill_trainer_releases_total{of_model(action='rolled_back')}[15m]))",
            "{{model}}",
        ),
        alerts=["TidemillReleaseRolledBack"],
    ),
    series(
        "Champion that cannot be read",
        "1 where the artifact of what serves could not be read.",
        "short",
        Query(f"max by (model) (tidemill_trainer_champion_unreadable{OF_MODEL})", "{{model}}"),
        alerts=["TidemillChampionUnreadable"],
    ),
    series(
        "People who are not told",
        "1 while a channel for notifications has failed.",
        "short",
        Query(f"max by (channel) (tidemill_trainer_notify_failing{HERE})", "{{channel}}"),
        alerts=["TidemillNotificationsFail"],
    ),
)
STATE = (
    number(
        "Processes that do not answer",
        "Of ours, and the exporter of the machine.",
        "short",
        Query(f"count(up{HERE} == 0) or vector(0)", "down"),
        above=1,
    ),
    number(
        "Models that are left out",
        "By a process that could not take them up: its ERROR line says why.",
        "short",
        Query(f"sum(tidemill_model_left_out{OF_MODEL}) or vector(0)", "left out"),
        above=1,
    ),
    number(
        "Model files at work",
        "Whether every process works by the model files that lie there.",
        "bool_yes_no",
        Query(f"min(tidemill_contract_current{HERE})", "current"),
        alerts=["TidemillModelFilesNotTakenUp"],
    ),
    number(
        "Events a second",
        "That came to the validator.",
        "ops",
        Query(f"sum(rate(tidemill_validator_records_total{of_model(role='raw')}[{WINDOW}]))", "events"),
    ),
    number(
        "Predictions a second",
        "By REST and on the stream.",
        "ops",
        Query(f"sum(rate(model_predictions_total{OF_MODEL}[{WINDOW}]))", "predictions"),
    ),
    number(
        "Quiet failures",
        "What fails without an error: events or labels that stopped, or that meet no longer, values that are new.",
        "short",
        Query(f"sum(tidemill_drift_quiet_failure{OF_MODEL}) or vector(0)", "failures"),
        above=1,
    ),
)
BOARD = Board(
    "tidemill",
    "Tidemill: the loop",
    "Events in, answers out, versions learned from them.",
    {"Now": STATE, "Events": EVENTS, "Answers": ANSWERS, "Learning": LEARNING},
    {"namespace": "up", "model": "tidemill_validator_records_total"},
    swaps=True,
    refresh="5s",
)
