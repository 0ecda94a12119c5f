"""When each process is at work, so that a kill bites: by what the platform's topics and clients show, not by
its own word.
"""

from __future__ import annotations

from collections.abc import Callable

from tidemill_flights.chaos.kills import Growing
from tidemill_flights.feed.rest_clients import IngestState, RestState
from tidemill_flights.live import LiveState

LEAST_LAG = 50
LEAST_NEW = 200


def at_work(live: LiveState, rest: RestState, ingest: IngestState) -> dict[str, Callable[[], str]]:
    """For each process but the broker: text that names its work under way, empty while there is none. In the
    order of the kills.
    """
    predictions = Growing(lambda: live.predictions, "{} predictions written since the last look", LEAST_NEW)
    answers = Growing(lambda: sum(rest.versions.values()), "{} REST predictions answered since the last look")
    accepted = Growing(lambda: ingest.accepted, "{} events accepted since the last look")
    profiled = Growing(lambda: live.clean, "{} clean events to fold since the last look", LEAST_NEW)
    judged = Growing(lambda: len(live.of("model_performance")), "{} windows judged since the last look")

    def serving(work: Callable[[], str]) -> Callable[[], str]:
        return lambda: work() if live.serving else ""

    def validating() -> str:
        return f"{live.validator_lag:,} records not yet validated" if live.validator_lag >= LEAST_LAG else ""

    def training() -> str:
        runs = [run for run in live.of("retrain_runs") if run["run_id"] in live.open_runs()]
        if not live.serving or not runs or runs[-1]["state"] != "started":
            return ""
        return f"training run {runs[-1]['run_id']} was started and had not ended"

    return {
        "trainer": training,
        "stream": serving(predictions),
        "validator": serving(validating),
        "ingest": serving(accepted),
        "profile": serving(profiled),
        "serve": serving(answers),
        "detect": serving(judged),
    }
