"""Makes a version again, by the trainer's own steps, and compares what comes of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from tidemill.artifact import MODEL_FILE, REFERENCE_FILE
from tidemill.artifact.manifest import sha256
from tidemill.contracts.events.platform import DataSet
from tidemill_learning.data_set.content import content_hash
from tidemill_learning.label_time.change_point import ChangePoint
from tidemill_learning.lineage.recipe import spec_of
from tidemill_learning.lineage.revision import code_revision
from tidemill_learning.mixture.member import Member
from tidemill_learning.reference import reference_bytes
from tidemill_learning.training.train import Repeat, Trained, train
from tidemill_operations.erase.acts import told_erased
from tidemill_operations.platform import PlatformView
from tidemill_operations.reproduce.differences import Remark, remarks
from tidemill_operations.reproduce.kafka_rows import KafkaRows, Told, kept, read_rows
from tidemill_operations.reproduce.mixture import composed_again, members_of, mixed_again
from tidemill_operations.reproduce.recorded import Recorded, recorded

UNEXPLAINED = Remark(
    "nothing that is recorded differs, and yet it came out otherwise",
    "this is a defect of Tidemill: report it with the manifest",
)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two SHA-256 in hex (`digest`), or two numbers as they are. `found` is empty where nothing was made again."""

    what: str
    recorded: str
    found: str
    digest: bool = True

    @property
    def agrees(self) -> bool:
        """Whether both are one."""
        return self.recorded == self.found


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What came of it. `rows`: labelled rows that Kafka had; `seconds`: that it took to make it again, 0 where that was
    not done; `how`: `trained`, or `composed` of a mixture.
    """

    model: str
    version: int
    rows: int
    seconds: float
    compared: tuple[Compared, ...]
    remarks: tuple[Remark, ...]
    how: str = "trained"

    @property
    def agrees(self) -> bool:
        """Whether data set, model and all else are the same to the last bit."""
        return all(one.agrees for one in self.compared)


def reproduce(platform: PlatformView, model: str, number: int, told: Told) -> Reproduction:
    """Reads the records of the version's data set from Kafka, trains with its recipe, and compares. With other rows
    nothing is trained: it would be another model. A mixture is composed of its members again, which hangs on no row;
    its reference does. Raises NotPossible, WrongUse (see `recorded`, `read_rows`, `members_of`).
    """
    found, now = recorded(platform, model, number), platform.model(model)
    members = members_of(platform, found)
    data_set = DataSet.from_dict(found.manifest.data_set)
    rows = read_rows(platform, spec_of(now, found.lineage.recipe), data_set, found.lineage, told)
    compared = [Compared("data set", found.lineage.content, content_hash(rows.rows))]
    noticed = remarks(found, now, code_revision(os.environ.get("TIDEMILL_GIT_SHA", "")))
    seconds = 0.0
    if compared[0].agrees or members:
        told("training", 0, 1)
        began = time.monotonic()
        if members:
            compared += _mixed_again(platform, found, rows, members, noticed, same_rows=compared[0].agrees)
        else:
            compared += _trained_again(platform, found, rows, noticed)
        seconds = time.monotonic() - began
        told("training", 1, 1)
    else:
        compared.append(Compared("model", found.manifest.files[MODEL_FILE], ""))
    if not compared[0].agrees:
        where = kept(platform, model, data_set, found.lineage)
        noticed = [*_erased(platform, found), *_other_rows(found, rows, where), *noticed]
    if not all(one.agrees for one in compared) and not noticed:
        noticed.append(UNEXPLAINED)
    return Reproduction(
        model=model, version=number, rows=rows.rows.num_rows, seconds=seconds, compared=tuple(compared),
        remarks=tuple(noticed), how="composed" if members else "trained",
    )  # fmt: skip


def _trained_again(platform: PlatformView, found: Recorded, rows: KafkaRows, noticed: list[Remark]) -> list[Compared]:
    """Model, reference of drift (the hold-out's metrics are in it) and threshold; what does not train is noticed."""
    made: Trained | None = None
    try:
        made = _train(platform, found, rows)
    except ValueError as error:
        noticed.append(Remark(f"it could not be trained again: {error}", "see the differences beside this one"))
    files, decides = found.manifest.files, found.manifest.threshold
    return [
        Compared("model", files[MODEL_FILE], sha256(made.graph) if made else ""),
        Compared("reference", files[REFERENCE_FILE], sha256(reference_bytes(made.reference)) if made else ""),
        *compared_threshold(decides, made.threshold if made else None, trained=made is not None),
    ]


def _mixed_again(
    platform: PlatformView, found: Recorded, rows: KafkaRows, members: list[Member], noticed: list[Remark], *,
    same_rows: bool,
) -> list[Compared]:  # fmt: skip
    """Of a mixture: its graph, and of the same rows reference and threshold; what cannot be mixed is noticed."""
    spec = spec_of(platform.model(found.manifest.model), found.lineage.recipe)
    graph = reference = ""
    threshold: float | None = None
    try:
        if same_rows:
            graph, reference, threshold = mixed_again(spec, rows.rows, found.lineage.cut_off, members)
        else:
            graph = composed_again(members)
    except ValueError as error:
        noticed.append(Remark(f"it could not be composed again: {error}", "see the differences beside this one"))
    files, decides = found.manifest.files, found.manifest.threshold
    return [
        Compared("model", files[MODEL_FILE], graph), Compared("reference", files[REFERENCE_FILE], reference),
        *compared_threshold(decides, threshold, trained=bool(reference)),
    ]  # fmt: skip


def compared_threshold(recorded: float | None, found: float | None, *, trained: bool) -> list[Compared]:
    """From which probability on a version says true; nothing where neither states one: wrong decisions cost nothing."""
    if recorded is None and found is None:
        return []
    said = ["none" if one is None else repr(one) for one in (recorded, found)]
    return [Compared("threshold", said[0], said[1] if trained else "", digest=False)]


def _train(platform: PlatformView, found: Recorded, rows: KafkaRows) -> Trained:
    """Without a champion: it decides whether a version is let through, and touches none of its bytes."""
    lineage, manifest = found.lineage, found.manifest
    change = ChangePoint.from_dict(manifest.change_point) if manifest.change_point else None
    spec = spec_of(platform.model(manifest.model), lineage.recipe)
    again = Repeat(lineage.trials, lineage.tried_windows)
    return train(spec, rows.rows, lineage.cut_off, time.monotonic, change=change, repeat=again)


def _erased(platform: PlatformView, found: Recorded) -> list[Remark]:
    """Rows that were erased are no sign of tampering."""
    cure = "none is needed: it was asked for, and stands in the audit log (`tidemill keys audit`)"
    return [Remark(one, cure) for one in told_erased(platform, found.manifest.model, found.manifest.data_set)]


def _other_rows(found: Recorded, rows: KafkaRows, where: str) -> list[Remark]:
    told = [Remark(one, where) for one in rows.missing]
    counts = f"Kafka gives {rows.rows.num_rows:,} labelled rows, it was made from {found.lineage.rows:,}"
    if told or rows.rows.num_rows != found.lineage.rows:
        cure = "it was not trained again: with other rows it would be another model"
        composed = "its reference was not made again, which is of these rows; its graph hangs on none"
        told.append(Remark(counts, composed if found.manifest.mixture else cure))
    return told
