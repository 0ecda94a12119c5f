"""Models signed by a token's identity, at real servers of sigstore's: a worker takes them, and refuses whom it does not
trust; what a trainer is told where signing fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.broker.inference.world import FEATURE, MODEL, Process, World, ready
from tests.sigstore.deployment import Sigstore
from tests.support.models.toy_models import publish_toy
from tests.support.polling import until
from tidemill.artifact.keyless.identities import Identity
from tidemill.artifact.keyless.introduction import introduce
from tidemill.artifact.keyless.signer import SigstoreIdentity
from tidemill.artifact.keyless.signers import TrustedIdentities
from tidemill.contracts.events.platform import ModelVersion
from tidemill.errors import ConfigError
from tidemill.settings import CommonSettings
from tidemill_cli.commands.models.signing import sign_version

TRAINER = "https://kubernetes.io/namespaces/tidemill/serviceaccounts/trainer"
ANNA = "anna@example.org"


class Trainer:
    """Who signs as a service account, with the files of all readers."""

    def __init__(self, folder: Path, sigstore: Sigstore) -> None:
        self.token, self.keys = folder / "token", folder / "trusted.pem"
        self.trusted = TrustedIdentities(folder / "identities.yaml", folder / "trusted_root.json")
        self.service = SigstoreIdentity(f"sigstore:{sigstore.trust_config}", self.token, self.trusted)
        self.token.write_text(sigstore.token(TRAINER))
        self.introduced = introduce(self.service, self.trusted)

    def settings(self) -> dict[str, object]:
        """What readers are given."""
        files = {"trusted_keys": self.keys, "trusted_identities": self.trusted.path}
        return files | {"sigstore_trust_root": self.trusted.root}

    def sign(self, artifacts: str, event: ModelVersion) -> None:
        """As `tidemill models sign --again` does."""
        settings = CommonSettings(
            artifacts=artifacts, signing_service=self.service.address, signing_identity_token_file=self.token,
            trusted_keys=self.keys, trusted_identities=self.trusted.path, sigstore_trust_root=self.trusted.root,
        )  # fmt: skip
        assert sign_version(settings, MODEL, event.champion.to_dict(), again=True)


@pytest.fixture
def trainer(sigstore: Sigstore, tmp_path: Path) -> Trainer:
    return Trainer(tmp_path, sigstore)


@pytest.fixture
def world(root: Path, kafka: str, prefix: str, tmp_path: Path) -> Iterator[World]:
    (folder := tmp_path / "world").mkdir()
    world = World(root, kafka, prefix, folder)
    yield world
    world.close()


def serves(worker: Process, version: int) -> None:
    def asked() -> bool:
        answer = httpx.post(f"{worker.address()}/v1/models/{MODEL}/predict", json={FEATURE: 1.0})
        return (answer.status_code, answer.headers.get("X-Model-Version")) == (200, str(version))

    until(asked, 60, lambda: f"version {version} serves: {worker.told()}")


def refuses(worker: Process, epoch: int) -> None:
    line = f'tidemill_model_refused_epoch{{model="{MODEL}",reason="unsigned"}} {float(epoch)}'
    until(lambda: line in httpx.get(f"{worker.address()}/metrics").text, 30, f"epoch {epoch} is refused")


def test_a_worker_goes_from_a_key_to_an_identity_without_a_pause_and_refuses_one_that_is_taken_out(
    world: World, trainer: Trainer, sigstore: Sigstore
) -> None:
    trainer.keys.write_bytes(Path(os.environ["TIDEMILL_TRUSTED_KEYS"]).read_bytes())

    def made(version: int, *, signed: bool = False) -> ModelVersion:
        return publish_toy(
            world.artifacts, MODEL, version, feature=FEATURE, start_offsets=(0, 0), signed=signed, epoch=version
        )

    first = made(1, signed=True)
    world.publish(first)
    worker = world.start("serve", **trainer.settings())
    until(lambda: ready(worker.address()), 60, "it is ready")
    serves(worker, 1)

    second = made(2)
    trainer.sign(world.artifacts, second)
    world.publish(second)
    serves(worker, 2)

    trainer.keys.unlink()  # the key is trusted no more: what it alone has signed is refused
    third = made(3, signed=True)
    world.publish(third)
    refuses(worker, 3)
    serves(worker, 2)
    trainer.sign(world.artifacts, third)
    world.publish(replace(third, epoch=4))
    serves(worker, 3)

    listed = trainer.trusted.path.read_text()
    fourth = made(4)
    trainer.sign(world.artifacts, fourth)
    trainer.trusted.path.write_text(Identity(ANNA, sigstore.people).entry())
    world.publish(replace(fourth, epoch=5))
    refuses(worker, 5)
    serves(worker, 3)
    assert any(TRAINER in str(line) for line in worker.lines), worker.told()
    trainer.trusted.path.write_text(listed)
    world.publish(replace(fourth, epoch=6))
    serves(worker, 4)


def test_what_the_authority_says_of_a_service_account_is_what_is_trusted(trainer: Trainer, sigstore: Sigstore) -> None:
    assert trainer.introduced.identity == Identity(TRAINER, sigstore.cluster)


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"audience": "https://kubernetes.default.svc"}, "another audience"),
        ({"lifetime_s": -60}, "has expired"),
    ],
)
def test_a_token_that_is_no_good_is_named(
    trainer: Trainer, sigstore: Sigstore, claims: dict[str, object], told: str
) -> None:
    trainer.token.write_text(sigstore.token(TRAINER, **claims))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=told):
        trainer.service.sign(b"{}")


def test_an_issuer_that_the_authority_does_not_know_is_for_a_person(trainer: Trainer, sigstore: Sigstore) -> None:
    trainer.token.write_text(sigstore.token(ANNA, issuer=sigstore.stranger))
    with pytest.raises(ConfigError, match="answers 4"):
        trainer.service.sign(b"{}")


def test_an_identity_that_readers_do_not_list_signs_nothing(trainer: Trainer, sigstore: Sigstore) -> None:
    trainer.token.write_text(sigstore.token(ANNA))
    with pytest.raises(ConfigError, match=rf"signed by '{ANNA}'.*new-key"):
        trainer.service.sign(b"{}")


@pytest.mark.parametrize("server", ["fulcio", "rekor", "timestamps"])
def test_a_server_that_is_away_is_tried_again(trainer: Trainer, sigstore: Sigstore, server: str) -> None:
    with sigstore.without(server), pytest.raises(OSError, match="TIDEMILL_SIGNING_SERVICE"):
        trainer.service.sign(b"{}")
    assert trainer.service.sign(b"{}")


def test_another_deployment_signs_nothing_here(trainer: Trainer, other_sigstore: Sigstore, tmp_path: Path) -> None:
    (folder := tmp_path / "other").mkdir()
    theirs = Trainer(folder, other_sigstore)
    service = replace(theirs.service, trusted=trainer.trusted)
    with pytest.raises(ConfigError, match="no reader would take"):
        service.sign(b"{}")
