"""Writes the table of SECURITY.md: who may write and read each topic, by the rights that `tidemill topics plan` prints,
and what follows where a writer is hostile. `python scripts/security.py`; a contract test says where it was forgotten.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tidemill.contracts.model_file import load_models
from tidemill.contracts.topics import TopicCatalog
from tidemill_operations.provision.rights import SERVICES, TOPIC, rights

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("SECURITY.md")
BEGIN: Final = "<!-- topics: written by scripts/security.py; do not edit -->\n"
END: Final = "<!-- /topics -->\n"

FOLLOWS: Final = {
    "raw": (
        "Events that never were are scored, and trained on where labels come for them. An event id that is taken "
        "first keeps the true event out."
    ),
    "labels_raw": (
        "Labels that never were; the one observed last wins, so a true one is replaced. What is learned and how it "
        "is judged follows."
    ),
    "clean": "As raw, past every check of the validator. `tidemill audit` counts what has no origin on raw.",
    "labels": "As labels-raw, past every check of the validator.",
    "raw_dlq": (
        "A false event waits for a person to replay it, and is checked as any other then. Originals may seem "
        "replayed or discarded."
    ),
    "labels_raw_dlq": "The same with labels.",
    "predictions": (
        "Answers that no model gave; inputs of REST that nobody sent are trained on where labels come for them."
    ),
    "profiles": (
        "Drift is seen that is not there, or not seen; a trial is judged by scores that are not true, so a worse "
        "version may be kept or a better one taken out."
    ),
    "quality_reports": "Figures of quality are false, and alarms that follow from them.",
    "drift_events": "People and their programs are alarmed for nothing. Nothing of the platform acts on it.",
    "model_performance": "People read a score that is not true.",
    "retrain_requests": (
        "Trainings for nothing, one at a time: within `retrain.cooldown` and `at_most`, or where a request "
        "says that a person asked `TIDEMILL_MANUAL_RUNS_A_DAY` (24) a day of each model; the refused ones stand in "
        "the database and on `retrain-runs`. An import must be signed all the same."
    ),
    "retrain_runs": (
        "A signed version that is newer than those that served is released, or goes on trial, without the word of "
        "its gate."
    ),
    "arm_reports": (
        "A trial is judged by requests that were not asked: a good version is taken out, or a bad one goes on."
    ),
    "release_commands": (
        "Any version that was signed is released, rolled back to or rejected; the name in it is what the writer says."
    ),
    "validator_controls": "A validator pauses, and lag tells; or it goes on in a flood of bad records.",
    "source_topics": (
        "A topic counts as made anew, so that positions are read wrongly: records are read twice or not at all."
    ),
    "model_versions": (
        "An older signed version serves; an epoch far ahead keeps releases from serving until the trainer is "
        "started again; after bytes that are no event a worker that starts has no version until the next release. "
        "Nothing unsigned serves."
    ),
    "model_releases": (
        "The history is false, and with it what *release* takes for what serves and what a rollback goes back to."
    ),
    "drift_state": (
        "Detectors begin from a false past, or *detect* cannot begin (a state that is none, "
        "or has more than 64 MiB unpacked, is refused)."
    ),
}
"""What a hostile writer of a topic can bring about, by role. A topic without a sentence is a defect of this page."""


def main() -> int:
    """Writes the page where it differs."""
    page = ROOT / PAGE
    text = page.read_text(encoding="utf-8")
    wanted = with_table(text, table(ROOT))
    if wanted != text:
        page.write_text(wanted, encoding="utf-8")
        print(f"security: wrote {PAGE}")
    return 0


def with_table(text: str, lines: str) -> str:
    """The page with these lines between its marks. Raises ValueError where they are not in it."""
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{PAGE} lacks the marks of its table")
    return before + BEGIN + lines + END + after


def table(root: Path) -> str:
    """A row a topic, in the order of topics.yaml. Raises KeyError for a topic without a sentence."""
    specs = load_models(root / "models")
    catalog = TopicCatalog.load(root / "schemas", models=specs)
    model = min(specs)
    granted = [
        right for right in rights(catalog, [model], {name: name for name in SERVICES}) if right.resource == TOPIC
    ]
    rows = ["| topic | may write | may read | a hostile writer |", "|---|---|---|---|"]
    for name, (role, _) in catalog.all_topics([model]).items():
        spec = catalog.spec(role)
        may = {
            operation: [right.principal for right in granted if (right.name, right.operation) == (name, operation)]
            for operation in ("WRITE", "READ")
        }
        writes, reads = _names(may["WRITE"], spec.producers), _names(may["READ"], spec.consumers)
        rows.append(f"| `{name.replace(model, 'MODEL')}` | {writes} | {reads} | {FOLLOWS[role]} |")
    return "\n".join(rows) + "\n"


def _names(services: list[str], named: tuple[str, ...]) -> str:
    people = ["your programs"] if "users" in named else []
    return ", ".join([*people, *(name for name in SERVICES if name in services)])


if __name__ == "__main__":
    sys.exit(main())
