"""MLflow's aliases, on a real registry."""

from __future__ import annotations

from pathlib import Path

from mlflow.tracking import MlflowClient

from tidemill_trainer.mlflow.tracking import Arm, Tracking


def test_aliases_follow_the_arms_and_may_be_set_again_after_a_crash(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    tracking, registry = Tracking(store), MlflowClient(tracking_uri=store, registry_uri=store)
    one, two = (Arm(number, f"file:///a/{number}", f"digest {number}") for number in (1, 2))
    registry.create_registered_model("tide")
    for number in ("1", "2"):
        registry.create_model_version("tide", source=f"file:///a/{number}", tags={"tidemill.version": number})

    def aliases() -> dict[str, str]:
        """Alias to the version of ours that it names."""
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
