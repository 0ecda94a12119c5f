"""MLflow's aliases, on a real registry."""

from __future__ import annotations

from pathlib import Path

from tidemill_trainer.adapters.tracking import Tracking


def test_aliases_follow_the_arms_and_may_be_set_again_after_a_crash(tmp_path: Path) -> None:
    tracking = Tracking(f"sqlite:///{tmp_path / 'mlflow.db'}")
    run = tracking.begin("tide", "run1", {}, "a run")
    tracking.end(run)
    one, two = ({"version": n, "artifact_uri": f"file:///a/{n}", "tracking_run": run} for n in (1, 2))

    def aliases() -> dict[str, str]:
        """Alias to the version of ours that it names."""
        registry = tracking._client
        named = registry.get_registered_model("tide").aliases
        return {
            name: registry.get_model_version("tide", number).tags["tidemill.version"] for name, number in named.items()
        }

    for arms, expected in [
        ({"champion": one}, {"champion": "1"}),
        ({"champion": one, "challenger": two}, {"champion": "1", "challenger": "2"}),
        ({"champion": two}, {"champion": "2"}),
        ({"champion": one}, {"champion": "1"}),
    ]:
        for _ in range(2):
            tracking.reconcile_aliases("tide", arms)
            assert aliases() == expected
