"""Readers and writers of Kafka: how much, how far behind, what was set aside or lost."""

from __future__ import annotations

from boards.frame import Board
from boards.panels import Query, series
from boards.selectors import HERE, OF_MODEL, WINDOW, quantile

FLOW = (
    series(
        "Read",
        "Records of committed batches, by topic.",
        "ops",
        Query(f"sum by (job, topic) (rate(tidemill_consumed_records_total{HERE}[{WINDOW}]))", "{{job}} {{topic}}"),
    ),
    series(
        "Written",
        "Records written in committed transactions, by topic.",
        "ops",
        Query(f"sum by (job, topic) (rate(tidemill_produced_records_total{HERE}[{WINDOW}]))", "{{job}} {{topic}}"),
    ),
    series(
        "Behind",
        "Offsets that each group has yet to read. It falls, or a group is too slow.",
        "short",
        Query(f"sum by (group, topic) (tidemill_consumer_lag{HERE})", "{{group}} of {{topic}}"),
        alerts=["TidemillLagGrows"],
    ),
)
TRANSACTIONS = (
    series(
        "Transactions by outcome",
        "In doubt: whether it was committed had to be asked. Fenced: another process had taken over.",
        "ops",
        Query(f"sum by (job, outcome) (rate(tidemill_transactions_total{HERE}[{WINDOW}]))", "{{job}} {{outcome}}"),
    ),
    series(
        "To write and commit a batch, p99",
        "What brokers take.",
        "s",
        Query(quantile(0.99, "job", f"tidemill_transaction_seconds{HERE}"), "{{job}}"),
    ),
    series(
        "A worker's own logic for a batch, p99",
        "What we take.",
        "s",
        Query(quantile(0.99, "job", f"tidemill_process_seconds{HERE}"), "{{job}}"),
    ),
    series(
        "Where the time goes",
        "Of each second of a worker, by stage of its loop.",
        "percentunit",
        Query(
            f"sum by (job, stage) (rate(tidemill_stage_seconds_total{HERE}[{WINDOW}]))"
            f" / on (job) group_left count by (job) (tidemill_build_info{HERE})",
            "{{job}} {{stage}}",
        ),
        width=24,
    ),
)
VALIDATOR = (
    series(
        "Dead letters by reason",
        "Expectations that were not met, and records that cannot be read.",
        "ops",
        Query(
            f"sum by (model, reason) (rate(tidemill_validator_failures_total{OF_MODEL}[{WINDOW}]))",
            "{{model}} {{reason}}",
        ),
    ),
    series(
        "To judge a batch, p99",
        "Without reading and writing it.",
        "s",
        Query(quantile(0.99, "model, role", f"tidemill_validator_batch_seconds{OF_MODEL}"), "{{model}} {{role}}"),
    ),
    series(
        "Event ids remembered",
        "For uniqueness; those forgotten too early are too many in a window.",
        "short",
        Query(f"sum by (model, role) (tidemill_validator_seen_ids{OF_MODEL})", "{{model}} {{role}}"),
        Query(
            f"sum by (model, role) (increase(tidemill_validator_forgotten_ids_total{OF_MODEL}[1h]))",
            "{{model}} {{role}} forgotten within an hour",
        ),
    ),
    series(
        "Paused",
        "1 where a topic is paused because of a flood of bad records; `tidemill resume` lets it go on.",
        "short",
        Query(f"max by (model, role) (tidemill_validator_paused{OF_MODEL})", "{{model}} {{role}}"),
        alerts=["TidemillValidatorPaused"],
        width=12,
    ),
    series(
        "Windows that do not hold",
        "1 where an expectation did not hold in the newest complete window of event time.",
        "short",
        Query(
            f"max by (model, expectation, column) (tidemill_validator_window_broken{OF_MODEL})",
            "{{model}} {{expectation}} {{column}}",
        ),
        alerts=["TidemillWindowBroken"],
        width=12,
    ),
)
TROUBLE = (
    series(
        "Removed before they were read",
        "Offsets that retention, or somebody by hand, took away.",
        "short",
        Query(f"sum by (group, topic) (tidemill_removed_unread_total{HERE})", "{{group}} of {{topic}}"),
        alerts=["TidemillRecordsRemovedUnread"],
    ),
    series(
        "Topics made anew",
        "Partitions that were deleted and made anew while they were read.",
        "short",
        Query(f"sum by (group, topic) (tidemill_topic_made_anew_total{HERE})", "{{group}} of {{topic}}"),
        alerts=["TidemillTopicMadeAnew"],
    ),
    series(
        "Records that end their process",
        "Set aside because processes ended, or hung, on them.",
        "short",
        Query(f"sum by (topic) (tidemill_killing_records_total{HERE})", "{{topic}}"),
        alerts=["TidemillRecordEndsProcess"],
    ),
    series(
        "Topics without room",
        "1 where a topic waits: it has partitions that what is written from it has not got.",
        "short",
        Query(f"max by (topic) (tidemill_topic_without_room{HERE})", "{{topic}}"),
        alerts=["TidemillTopicWithoutRoom"],
    ),
    series(
        "Topics that are absent",
        "1 where a topic that is to be read is not there, or may not be seen.",
        "short",
        Query(f"max by (topic) (tidemill_topic_absent{HERE})", "{{topic}}"),
    ),
    series(
        "Set aside",
        "Records that a worker's logic failed on, again and again, within an hour.",
        "short",
        Query(f"sum by (job, topic) (increase(tidemill_set_aside_records_total{HERE}[1h]))", "{{job}} {{topic}}"),
    ),
)
BOARD = Board(
    "tidemill-stream",
    "Tidemill: stream",
    "Validator, stream and drift-profile at Kafka.",
    {"Flow": FLOW, "Transactions": TRANSACTIONS, "Validator": VALIDATOR, "Trouble": TROUBLE},
    {"namespace": "up", "model": "tidemill_validator_records_total"},
)
