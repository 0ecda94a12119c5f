"""The training process: long-lived, warm, one job at a time, orders and answers as lines of JSON.

It is a process of its own so that a training can be killed, so that its memory goes back, and so that *collect* and
*release* never wait for it. It is imported and warmed up before the first event: that takes longer than a training.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, TextIO

from tidemill.artifact.staging import Staged
from tidemill.secret_files import without_store_keys
from tidemill_trainer.footprint import leave_out_unused

_log = logging.getLogger(__name__)

NICENESS = 5
"""A training may wait a little; predictions may not."""


def main() -> None:
    """Serve orders from stdin until it ends. Only answers go to the real stdout; whatever prints goes to
    stderr.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    os.nice(NICENESS)
    _die_with_parent()
    leave_out_unused()
    from tidemill.telemetry.logs import configure_logging
    from tidemill_trainer.settings import TrainerSettings

    settings = TrainerSettings()
    configure_logging("trainer-child", settings.log_level, settings.log_file)
    began = time.monotonic()
    job = _warm_job(settings)
    _answer(answers, {"ready": True, "seconds": time.monotonic() - began})
    for line in sys.stdin:
        _answer(answers, _obey(job, json.loads(line)))


def _warm_job(settings: Any) -> Any:
    from tidemill.artifact import ArtifactStore, Bounds
    from tidemill.clock import SystemClock
    from tidemill.contracts.usable import serve_usable
    from tidemill_learning.lineage.revision import code_revision
    from tidemill_trainer.mlflow.projection import projection
    from tidemill_trainer.training.job import Job
    from tidemill_trainer.training.warm_up import warm_up

    specs = serve_usable(settings.models_dir, settings.schemas, settings.models)
    store = ArtifactStore.of(settings)
    tracking = projection(settings.mlflow_tracking_uri, store, settings.mlflow_keep_runs)
    tracking.warm_up()
    warm_up()
    bounds = Bounds(settings.proof_timeout_s, settings.proof_memory_mb << 20)
    revision = code_revision(settings.git_sha)
    return Job(specs, tracking, store, SystemClock(), revision, bounds)


def _obey(job: Any, order: Mapping[str, Any]) -> dict[str, Any]:
    """Do what the line says. What the data do not allow is an answer (`refused`); a store that is full or away is
    another (`store`); anything else is a defect and is answered with its traceback.
    """
    from tidemill.artifact import ArtifactError
    from tidemill_trainer.mlflow.store_errors import of_a_store

    try:
        return {"ok": True, **done(job, order)}
    except (ValueError, ArtifactError) as error:
        return {"ok": False, "kind": "refused", "error": str(error) or type(error).__name__}
    except OSError as error:
        return {"ok": False, "kind": "store", "error": str(error) or type(error).__name__}
    except Exception as error:  # noqa: BLE001 - the parent is told, and logs it
        if of_a_store(error):
            return {
                "ok": False,
                "kind": "store",
                "error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}",
            }
        _log.exception("the training process failed at %s", order.get("do"))
        return {"ok": False, "kind": "defect", "error": f"{type(error).__name__}: {error}"}


def done(job: Any, order: Mapping[str, Any]) -> dict[str, Any]:
    """Do what an order says, and give what is to be answered; raises whatever stands in the way."""
    if order["do"] == "train":
        return dict(job.train(_order(order)))
    if order["do"] == "export":
        return {"artifact": job.export(int(order["version"]))}
    if order["do"] == "import":
        staged = Staged(order["uri"], order["digest"])
        return dict(job.import_staged(order["model"], staged, int(order["version"]), order["run_id"]))
    if order["do"] == "compose":
        return dict(job.compose(_order(order), _parts(order), int(order["version"])))
    if order["do"] == "contract":
        return {"models": renewed(job, order["digest"])}
    if order["do"] == "aliases":
        job.tracking.follow(job.specs[order["model"]], order["arms"])
        return {}
    raise ValueError(f"unknown order {order['do']!r}")


def renewed(job: Any, digest: str) -> list[str]:
    """Read the model files of this digest; gives the models that are known then. Raises ValueError where others lie
    there by now: they are not known to be right.
    """
    from tidemill.service.contract import Contract
    from tidemill_trainer.settings import TrainerSettings

    contract = Contract.load(TrainerSettings(), logged=False)
    if contract.digest != digest:
        raise ValueError("they have changed again")
    job.specs = {**job.specs, **contract.models}
    return sorted(job.specs)


def _order(line: Mapping[str, Any]) -> Any:
    from tidemill.contracts.events.platform import ModelRef
    from tidemill_learning.label_time.change_point import ChangePoint
    from tidemill_trainer.training.job import Order

    return Order(
        run_id=line["run_id"], model=line["model"], cause=line["cause"], traceparent=line["traceparent"],
        table_uri=line["table_uri"], clean_topic=line["clean_topic"],
        partitions=tuple((topic, int(number)) for topic, number in line["partitions"]),
        champion=ModelRef.from_dict(line["champion"]) if line["champion"] else None,
        change=ChangePoint.from_dict(line["change"]) if line.get("change") else None,
        cut_off_ms=line.get("cut_off_ms"), table_version=line.get("table_version"), taken=line.get("taken", 0),
    )  # fmt: skip


def _parts(line: Mapping[str, Any]) -> list[tuple[Any, float]]:
    from tidemill.contracts.events.platform import ModelRef

    return [(ModelRef.from_dict(one["reference"]), float(one["weight"])) for one in line["parts"]]


def _answer(out: TextIO, line: Mapping[str, Any]) -> None:
    out.write(without_store_keys(json.dumps(line)) + "\n")
    out.flush()


def _die_with_parent() -> None:
    """End when the trainer is gone, even in the midst of a training: its run is another's by then."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    main()
