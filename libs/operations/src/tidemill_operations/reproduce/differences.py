"""What differs between where a version was made and here, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tidemill.artifact import Manifest
from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.lineage.environment import environment, libraries
from tidemill_learning.lineage.recipe import differing
from tidemill_learning.lineage.revision import is_commit
from tidemill_operations.reproduce.recorded import Recorded

DIRTY = "-dirty"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a person should know, and what to do where the hashes differ for it."""

    what: str
    cure: str


def remarks(found: Recorded, spec: ModelSpec, here: str) -> list[Remark]:
    """All differences. None of them need change a hash: the comparison tells. `spec`: the model file as it is now;
    `here`: the code revision that would make it again.
    """
    words = differing(spec, found.lineage.recipe)
    told = [*_code(found.manifest.git_sha, here), *_libraries(found.manifest), *_environment(found.lineage.environment)]
    if words:
        what = f"the model file says otherwise by now: {', '.join(words)}"
        told.append(Remark(what, "none is needed: the words that were recorded are taken"))
    return told


def _code(recorded: str, here: str) -> Iterator[Remark]:
    if recorded.endswith(DIRTY):
        what = f"it was made by a checkout with changes that were not committed ({recorded}); here is {here}"
        yield Remark(what, "commit before versions are made that must be proved: nobody can check these changes out")
    elif recorded in ("", "unknown"):
        cure = "set TIDEMILL_GIT_SHA where versions are made, so that they say it"
        yield Remark(f"which code made it is not recorded; here is {here}", cure)
    elif not _same(recorded, here):
        cure = f"git checkout {recorded}" if is_commit(recorded) else f"install {recorded.replace(' ', ' == ')}"
        yield Remark(f"it was made by {recorded}; here is {here}", cure)


def _same(recorded: str, here: str) -> bool:
    """A commit may be shortened on either side."""
    if is_commit(recorded) and is_commit(here) and not here.endswith(DIRTY):
        return recorded.startswith(here) or here.startswith(recorded)
    return recorded == here


def _libraries(manifest: Manifest) -> Iterator[Remark]:
    here = libraries()
    others = {name: number for name, number in manifest.libraries.items() if here.get(name, number) != number}
    if others:
        what = "other versions of libraries: " + ", ".join(
            f"{name} {number}, here {here[name]}" for name, number in others.items()
        )
        yield Remark(what, "pip install " + " ".join(f"{name}=={number}" for name, number in others.items()))


def _environment(recorded: dict[str, str]) -> Iterator[Remark]:
    here = environment()
    cures = {
        "python": "use Python {}",
        "machine": "use a machine of {}",
        "blas": "use a processor like that one, or name its kernels in OPENBLAS_CORETYPE: {}",
    }
    for name, cure in cures.items():
        said = recorded.get(name, here[name])
        if said != here[name]:
            yield Remark(f"{name} was {said}, here it is {here[name]}", cure.format(said))
