"""Where each field of each model goes, how long it stays, who may read it and how it is erased: from topics.yaml, model
files and records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reference_pages.markdown import code, page, table
from tidemill.contracts.model_file.retention import told
from tidemill.contracts.model_file.spec import ModelSpec, PrivacyRule
from tidemill.contracts.schemas.avro_types import field_type
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog, TopicSpec

INTRODUCTION = """Made of `schemas/topics.yaml`, the model files in `models/` and their records. What `tidemill erase` \
does at each place, and how it finds an entity that a rule hides: [erase](../erase.md). Who may write each topic: \
[topics](topics.md)."""

WAITS = "by retention; `tidemill erase` tells the day"
CARRIES: Mapping[str, str] = {
    "raw": "every field, as pushed; the entity is the key",
    "labels_raw": "event id, label and its times, as pushed; the entity is the key",
    "clean": "every field, after `normalise` and `privacy`; the entity, after them, is the key",
    "labels": "event id, label and its times; the entity is the key, as on labels-raw",
    "raw_dlq": "the record as pushed, whatever it is; reasons in headers may quote a value",
    "labels_raw_dlq": "the label as pushed, whatever it is; reasons in headers may quote a value",
    "predictions": "event id, score and version; of REST the whole input, after `normalise` and `privacy`, and who "
    "asked (a key's id, or a token's subject); the entity is the key",
    "profiles": "of features: counts, quantiles, the most frequent categories; no event",
    "quality_reports": "counts for each expectation; no event",
    "drift_events": "statistics of features; a new category may be named",
    "drift_state": "summaries of windows as on profiles",
    "retrain_requests": "statistics and the reason that a person gave",
    "release_commands": "the reason that a person gave",
    "retrain_runs": "statistics and the reason that a person gave",
    "model_releases": "figures of versions and the reason that a person gave",
}
"""What of a record stands on a topic, by its role; topics that are not here carry nothing of any record."""

ELSEWHERE = (
    ("training table (Delta Lake)", "every field, after `normalise` and `privacy`, with its label",
     "for ever, or as the model file's `retention.rows` says (`tidemill tidy`), and old files 30 days more",
     "whoever reads the table store: trainer, `tidemill erase`, `tidemill anonymise`, backups",
     "`tidemill erase`: rows, old files, log; `tidemill tidy`: what is too old"),
    ("artifacts (`reference.json`)", "of features: quantiles, the 200 most frequent categories",
     "while a version may serve", "trainer, inference, drift, cli",
     "a new version; the old one's artifact by `tidemill tidy`"),
    ("artifacts (`golden.json`, `model.onnx`)", "features of some rows; categories that were learned",
     "while a version may serve", "trainer, inference, drift, cli",
     "a new version; the old one's artifact by `tidemill tidy`"),
    ("MLflow", "a copy of each artifact, five rows of features as an example", "`TIDEMILL_MLFLOW_KEEP_RUNS`",
     "whoever reads MLflow", "the run deleted, then `mlflow gc`"),
    ("database", "reasons and evidence; the audit log names an erased entity by a hash", "for ever", "trainer, cli",
     "`tidemill erase` names rows that name it"),
    ("Redis", "scores under digests of features", "`TIDEMILL_CACHE_TTL_S`, `TIDEMILL_IDEMPOTENCY_TTL_S`",
     "inference, ingest", "by their TTL"),
    ("memory of processes", "event ids, scores and labels that wait for one another; single rows on their way",
     "until joined, expired or restarted", "nobody else", "a restart, after which topics are read again"),
    ("log, with `TIDEMILL_ACCESS_LOG=on`", "no field of a record: who asked (a key's id, or a token's subject), from "
     "which address", "as you keep logs", "who reads them", "by how you keep logs"),
    ("log, with `TIDEMILL_PREDICTION_LINES`", "event id, answer and who asked; with `features` the model's, after "
     "`normalise` and `privacy`", "as you keep logs", "who reads them", "by how you keep logs"),
    ("notices (in the database), and whoever receives them",
     "sentences of drift, runs and releases; a new category may be named",
     "100 days; with a receiver as long as that keeps them", "trainer; who may read the channel",
     "by retention; at the receiver by hand"),
    ("copies of `tidemill anonymise`", "hashes of entities and events; fields as its report says; rare values not",
     "as you keep them", "whoever reads where they went", "by hand: they name nobody"),
    ("backups", "database, tables, artifacts, topics of versions", "as the backup's retention says", "who reads it",
     "by its retention; run `tidemill erase` again after a restore"),
)  # fmt: skip


def written(topics: TopicCatalog, schemas: SchemaCatalog, specs: Mapping[str, ModelSpec]) -> str:
    """The page."""
    head = ["place", "what of a record is there", "kept", "read by", "erased"]
    parts = [
        "## Places",
        table(head, [*_topics(topics), *ELSEWHERE]),
        "No other topic carries anything of a record: " + ", ".join(_others(topics)) + ".",
    ]
    for name, spec in sorted(specs.items()):
        record = {field["name"]: field["type"] for field in schemas.record(name).json["fields"]}
        parts += [f"## {name}", _about(spec), table(["field", "type", "role", "on raw", "from clean on", "in versions"],
                                                    _fields(spec, record))]  # fmt: skip
    return page("Data map", INTRODUCTION, *parts)


def _topics(topics: TopicCatalog) -> Iterator[tuple[str, ...]]:
    for spec in topics.specs:
        if spec.role in CARRIES:
            yield code(spec.pattern), CARRIES[spec.role], _kept(spec), ", ".join(spec.consumers), _erased(spec)


def _others(topics: TopicCatalog) -> list[str]:
    return [code(spec.pattern) for spec in topics.specs if spec.role not in CARRIES]


def _kept(spec: TopicSpec) -> str:
    if spec.retention is None:
        return "for ever, the newest of each key" if spec.cleanup == "compact" else "for ever"
    return f"{spec.retention.days} days"


def _erased(spec: TopicSpec) -> str:
    if spec.retention is not None:
        return WAITS
    return (
        "with the next record of its key" if spec.cleanup == "compact" else "not: `tidemill erase` says if it is named"
    )


def _about(spec: ModelSpec) -> str:
    kept = "for ever" if spec.rows_kept is None else f"for {told(spec.rows_kept)} of their events' time"
    return f"{_rules(spec)} Rows of its training table stay {kept}."


def _rules(spec: ModelSpec) -> str:
    if not spec.privacy:
        return "No field has a rule of `privacy`: each stays as it was pushed."
    return (
        "Rules of `privacy`: " + ", ".join(f"{code(name)} {_hidden(rule)}" for name, rule in spec.privacy.items()) + "."
    )


def _fields(spec: ModelSpec, record: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    kinds = {feature.name: feature.kind for feature in spec.features}
    for name, avro in record.items():
        yield (
            code(name), field_type(avro)[0], ", ".join(_roles(spec, name, kinds)) or "none", "as pushed",
            _after(spec, name), _in_versions(kinds.get(name)),
        )  # fmt: skip


def _roles(spec: ModelSpec, name: str, kinds: Mapping[str, str]) -> Iterable[str]:
    named = {
        spec.entity: "entity",
        spec.event_id: "event id",
        spec.event_time: "event time",
        spec.target.label: "label",
    }
    if name in named:
        yield named[name]
    if name in kinds:
        yield f"feature ({kinds[name]})"


def _after(spec: ModelSpec, name: str) -> str:
    steps = [f"{step.kind}" for step in spec.normalise.get(name, ())]
    rule = spec.privacy.get(name)
    told = [*(["normalised: " + ", ".join(steps)] if steps else []), *([_hidden(rule)] if rule else [])]
    return "; ".join(told) or "as pushed"


def _hidden(rule: PrivacyRule) -> str:
    words = {"drop": "dropped", "hash": "hashed (HMAC-SHA-256)", "mask": f"masked but for {rule.keep_last} characters"}
    return words[rule.kind]


def _in_versions(kind: str | None) -> str:
    if kind is None:
        return "no"
    return {"category": "categories and their counts", "number": "quantiles", "time": "nothing but what is learned"}[
        kind
    ]
