"""The examples' own scripts, on one platform whose models are their files alone."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.examples import run_script
from tidemill.settings import KafkaSettings
from tidemill_embedded.cleanup import delete_prefixed
from tidemill_embedded.platform import Platform, PlatformOptions

MODELS = {
    "flight-delay": "models", "telecom-churn": "models", "bank-churn": "examples/bank_churn/models",
    "car-price": "examples/car_price/models",
}  # fmt: skip
"""Each with the folder of its model file."""
DOORS = {8081: "ingest", 8082: "serve"}


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Schemas of the platform, and of models only the files of these."""
    folder = tmp_path_factory.mktemp("project") / "checkout"
    shutil.copytree(root / "schemas", folder / "schemas", ignore=shutil.ignore_patterns("models"))
    (folder / "schemas" / "models").mkdir()
    (folder / "models").mkdir()
    for model, place in MODELS.items():
        shutil.copy(root / "schemas" / "models" / f"{model}.avsc", folder / "schemas" / "models")
        shutil.copy(root / place / f"{model}.yaml", folder / "models")
    return folder


@pytest.fixture(scope="module")
def platform(checkout: Path, kafka: str) -> Iterator[Platform]:
    """One for all examples."""
    prefix = f"t-examples-{uuid.uuid4().hex[:6]}-"
    with Platform(checkout, checkout.parent / "var", PlatformOptions(kafka=kafka, prefix=prefix)) as platform:
        yield platform.start()
    delete_prefixed(KafkaSettings(kafka_bootstrap=kafka, prefix=prefix), groups=False)


@pytest.mark.parametrize("name", ["telecom_churn", "bank_churn", "car_price", "flights"])
def test_an_example_learns_from_what_it_pushes_and_tells_its_new_rows_apart(
    name: str, root: Path, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    addresses = {f"http://localhost:{port}": platform.addresses[door] for port, door in DOORS.items()}
    run_script(root / "examples" / name / f"{name}.py", {**addresses, "ROWS = 7_000": "ROWS = 4_000"})
    with capsys.disabled():
        print(f"\n  {name}: {time.monotonic() - begun:.1f} s")
