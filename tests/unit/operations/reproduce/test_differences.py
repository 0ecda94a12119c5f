"""What differs between where a version was made and here is said with its cure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tests.unit.core.artifact.models import manifest
from tests.unit.learning.examples import spec
from tidemill.artifact import Lineage
from tidemill_learning.lineage.environment import environment, libraries
from tidemill_learning.lineage.recipe import recipe_of
from tidemill_operations.reproduce.differences import Remark, remarks
from tidemill_operations.reproduce.recorded import Recorded

MODEL = spec("binary")
HERE = "0123abcd" * 5


def told(
    git_sha: str = HERE, environment_of: dict[str, str] | None = None, here: str = HERE, **changes: Any
) -> list[Remark]:
    """The remarks on a version that was made here but for what is said."""
    lineage = Lineage(
        cause="manual", content="c", recipe=recipe_of(changes.pop("model", MODEL)),
        environment=environment() | (environment_of or {}),
    )  # fmt: skip
    made = manifest(lineage=lineage, git_sha=git_sha, libraries=libraries() | changes.pop("libraries", {}))
    return remarks(Recorded(made, lineage), MODEL, here)


def test_nothing_is_said_where_nothing_differs() -> None:
    assert told() == []
    assert told(git_sha=HERE[:8]) == [], "a commit may be shortened"


def test_another_commit_a_package_and_changes_that_nobody_has_are_told_apart() -> None:
    assert told(git_sha="a" * 40)[0].cure == f"git checkout {'a' * 40}"
    assert told(git_sha="tidemill-learning 0.0.9")[0].cure == "install tidemill-learning == 0.0.9"
    assert "nobody can check these changes out" in told(git_sha=f"{'a' * 40}-dirty")[0].cure
    assert "TIDEMILL_GIT_SHA" in told(git_sha="unknown")[0].cure
    assert told(here=f"{HERE}-dirty")[0].cure == f"git checkout {HERE}"


def test_other_libraries_are_named_with_the_command_that_installs_them() -> None:
    (one,) = told(libraries={"numpy": "1.0.0"})
    assert one.what == f"other versions of libraries: numpy 1.0.0, here {np.__version__}"
    assert one.cure == "pip install numpy==1.0.0"


def test_another_python_machine_and_processor_are_told() -> None:
    found = told(environment_of={"python": "3.9.1", "machine": "sparc", "blas": "openblas 0.3 Z80"})
    assert [one.what.split(" was ")[0] for one in found] == ["python", "machine", "blas"]
    assert "OPENBLAS_CORETYPE" in found[2].cure and "Z80" in found[2].cure


def test_a_model_file_that_says_other_words_by_now_is_no_obstacle() -> None:
    other = replace(MODEL, training=replace(MODEL.training, seed=1, newest=3))
    (one,) = told(model=other)
    assert one.what.endswith("newest, seed") and one.cure.startswith("none is needed")
