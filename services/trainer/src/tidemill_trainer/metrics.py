"""Every metric of the trainer, declared once."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ROWS_COLLECTED = Counter(
    "tidemill_trainer_rows_collected_total", "Rows committed to the training table.", ["model", "kind"]
)
ROWS_REFUSED = Counter(
    "tidemill_trainer_rows_refused_total", "Records that collect could not decode.", ["model", "role"]
)
COMMIT_SECONDS = Histogram("tidemill_trainer_commit_seconds", "Time of one commit to the training table.", ["model"])
COLLECT_LAG = Gauge("tidemill_trainer_rows_waiting", "Rows read and not yet committed.", ["model"])
COLLECT_WAITS = Gauge(
    "tidemill_trainer_collect_waits",
    "1 while collect waits because what it needs is full or away: the training table's store, a schema registry.",
)
REQUESTS = Counter(
    "tidemill_trainer_requests_total", "Retrain requests by cause and outcome.", ["model", "cause", "outcome"]
)
RUNS = Counter("tidemill_trainer_runs_total", "Runs by how they ended.", ["model", "state"])
WAITS_FOR_STORE = Gauge(
    "tidemill_trainer_waits_for_store", "1 while a run waits because a store is full or away.", ["model"]
)
CHAMPION_UNREADABLE = Gauge(
    "tidemill_trainer_champion_unreadable",
    "1 where the artifact of what serves could not be read last time.",
    ["model"],
)
TRAIN_SECONDS = Histogram(
    "tidemill_trainer_train_seconds", "Time of one training, from claim to artifact.", ["model"],
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800),
)  # fmt: skip
SCORE = Gauge("tidemill_trainer_score", "Metric of the newest version on its test part.", ["model", "metric"])
CHILD_RESTARTS = Counter("tidemill_trainer_child_restarts_total", "Times that the training process was started again.")
RELEASES = Counter("tidemill_trainer_releases_total", "Changes of what serves.", ["model", "action"])
EPOCH = Gauge("tidemill_trainer_epoch", "Epoch published last.", ["model"])
MODEL_VERSION = Gauge("tidemill_trainer_model_version", "Version published last.", ["model"])
CHALLENGER_SHARE = Gauge("tidemill_trainer_challenger_share", "Share of the challenger published last.", ["model"])
TRIAL_LABELS = Gauge("tidemill_trainer_trial_labels", "Labels on which the arms of the trial were compared.", ["model"])
TRIAL_GAIN = Gauge("tidemill_trainer_trial_gain", "Mean gain of the challenger on those labels.", ["model"])
EVENTS_PUBLISHED = Counter("tidemill_trainer_events_published_total", "Run events sent from SQL.", ["model"])
RUN_EVENTS = Counter(
    "tidemill_trainer_run_events_total",
    "Run events sent from SQL by the run's state, whichever process or Job made the run.",
    ["model", "state"],
)
LABELS_ASSESSED = Counter("tidemill_trainer_labels_assessed_total", "Labelled rows taken in label time.", ["model"])
LABEL_TIME_ALARMS = Counter(
    "tidemill_trainer_label_time_alarms_total", "Changes after which the version that serves answers worse.", ["model"]
)
BORN_BAD = Gauge(
    "tidemill_trainer_born_bad",
    "1 while a version serves that was worse than the base rate, or than the version before, from its first labels on.",
    ["model"],
)
LABEL_TIME_BEHIND = Gauge(
    "tidemill_trainer_label_time_behind", "Commits of the training table that label time has not come to.", ["model"]
)
LABEL_TIME_WAITS = Gauge("tidemill_trainer_label_time_waits", "1 while label time waits for a fit.", ["model"])
LABEL_TIME_FITS_LEFT = Gauge(
    "tidemill_trainer_label_time_fits_left", "Fits that the budget (retrain.at_most) allows label time now.", ["model"]
)
LABEL_TIME_HELD_BACK = Gauge(
    "tidemill_trainer_label_time_held_back", "1 while a fit is due that the budget does not allow.", ["model"]
)
LABEL_TIME_UNANSWERED = Gauge(
    "tidemill_trainer_label_time_unanswered",
    "1 while a change was found and no version has been learned since.",
    ["model"],
)
MIXTURES = Counter(
    "tidemill_trainer_mixtures_total",
    "Mixtures that were due, by what came of them: made, failed.",
    ["model", "outcome"],
)
TAKEOVERS = Counter(
    "tidemill_trainer_takeovers_total", "Versions that proved better in label time than the one that served.", ["model"]
)
NOTICES = Counter(
    "tidemill_trainer_notices_total",
    "Notices by what came of them: sent, digested (told in a digest), failed (one attempt), overdue, given_up.",
    ["channel", "outcome"],
)
NOTICES_WAITING = Gauge("tidemill_trainer_notices_waiting", "Notices that a channel has not taken.", ["channel"])
NOTIFY_FAILING = Gauge("tidemill_trainer_notify_failing", "1 while a channel's last attempt has failed.", ["channel"])
