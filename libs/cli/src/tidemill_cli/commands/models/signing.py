"""`tidemill models new-key` and `tidemill models sign`: who made a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options
from tidemill_operations.acts import note_act

if TYPE_CHECKING:
    from tidemill.settings import CommonSettings
    from tidemill_operations.platform import PlatformView


@click.command("new-key")
@click.option("--keep", is_flag=True, help="Do nothing where there is a key already.")
@json_option
def new_key(keep: bool, said: Output) -> None:
    """Make a key by which models are signed from now on.

    It replaces the private key in TIDEMILL_SIGNING_KEY; its public key is added to TIDEMILL_TRUSTED_KEYS, where those
    of before stay, so that their versions serve on. Take one out of that file to trust it no longer.

    Where TIDEMILL_SIGNING_SERVICE keeps the key, none is made: its public key is added to TIDEMILL_TRUSTED_KEYS. Where
    it is `sigstore:`, the identity that signs is added to TIDEMILL_TRUSTED_IDENTITIES, and the trust root is written to
    TIDEMILL_SIGSTORE_TRUST_ROOT if there is none.

    To change keys where they lie on several machines: add the new public key to the file of every reader first.
    """
    from tidemill.artifact.keyless.signer import is_keyless
    from tidemill.artifact.signing import new_keys
    from tidemill.settings import CommonSettings

    settings = CommonSettings()  # a key is made before there is a platform
    if is_keyless(settings.signing_service):
        return _trust_identity(settings, keep, said)
    if settings.signing_service:
        return _trust_service(settings, said)
    places = {"signs": str(settings.signing_key), "trusts": str(settings.trusted_keys)}
    if keep and settings.signing_key.exists():
        said.say(f"there is a key already: {settings.signing_key}")
        return said.tell({"made": False, "key": None} | places)
    name = new_keys(settings.signing_key, settings.trusted_keys)
    said.say(f"key {name}: {settings.signing_key} signs, {settings.trusted_keys} trusts it")
    return said.tell({"made": True, "key": name} | places)


def _trust_service(settings: CommonSettings, said: Output) -> None:
    from tidemill.artifact.signing import key_id, trust
    from tidemill.artifact.signing_services import signing_service

    key = signing_service(settings.signing_service).public_key()
    fresh, name = trust(key, settings.trusted_keys), key_id(key)
    how = "trusts it from now on" if fresh else "trusts it already"
    said.say(f"key {name}: {settings.signing_service} signs, {settings.trusted_keys} {how}")
    places = {"signs": settings.signing_service, "trusts": str(settings.trusted_keys)}
    said.tell({"made": False, "key": name} | places)


def _trust_identity(settings: CommonSettings, keep: bool, said: Output) -> None:
    from tidemill.artifact.keyless.introduction import introduce
    from tidemill.artifact.keyless.signer import SigstoreIdentity
    from tidemill.artifact.keyless.signers import TrustedIdentities

    service, path, root = settings.signing_service, settings.trusted_identities, settings.sigstore_trust_root
    if path is None or root is None:
        raise click.UsageError(
            f"TIDEMILL_SIGNING_SERVICE={service} needs TIDEMILL_TRUSTED_IDENTITIES and TIDEMILL_SIGSTORE_TRUST_ROOT: "
            "name the files that are to be written"
        )
    places = {"signs": service, "trusts": str(path), "trust_root": str(root)}
    if keep and path.exists():
        said.say(f"there are trusted identities already: {path}")
        return said.tell({"made": False, "key": None, "identity": None, "issuer": None} | places)
    found = introduce(
        SigstoreIdentity(service, settings.signing_identity_token_file, None), TrustedIdentities(path, root)
    )
    how = "trusts it from now on" if found.added else "trusts it already"
    said.say(f"identity {found.identity} signs by {service}, {path} {how}")
    said.say(f"trust root {root}: {'written' if found.root_written else 'as it was'}")
    identity = {"identity": found.identity.identity, "issuer": found.identity.issuer}
    return said.tell({"made": False, "key": None} | identity | places)


@click.command("sign")
@click.option("--model", "name", metavar="NAME", help="The model; not needed where there is only one.")
@click.option("--again", is_flag=True, help="Sign those too that somebody trusted has signed: by what signs now.")
@json_option
@platform_options
def sign(platform: PlatformView, name: str | None, again: bool, said: Output) -> None:
    """Sign the versions of a model that nobody has signed yet: those made before versions were signed, or by a key
    or an identity that is no longer trusted.

    Before a key or an identity is taken out of the trusted ones: --again has its versions signed by the new one.

    Only what the platform's topics name is signed, where it lies below TIDEMILL_ARTIFACTS and has the digest that they
    state: look at `tidemill models NAME` first.
    """
    from tidemill.artifact import ArtifactError

    spec = platform.model(name)
    known = known_versions(platform, spec.name)
    told: list[dict[str, Any]] = []
    for number, reference in sorted(known.items()):
        try:
            fresh = sign_version(platform.settings, spec.name, reference, again)
        except (ArtifactError, OSError) as error:
            said.say(f"version {number}: not signed: {error}", err=True)
            told.append({"version": number, "signed": False, "fresh": False, "reason": str(error)})
            continue
        said.say(f"version {number}: {'signed' if fresh else 'is signed already'}")
        told.append({"version": number, "signed": True, "fresh": fresh, "reason": None})
    note_act(platform, "models.sign", spec.name, signed=sum(one["fresh"] for one in told))
    said.tell({"model": spec.name, "versions": told})


def known_versions(platform: PlatformView, model: str) -> dict[int, dict[str, Any]]:
    """The artifacts that the platform's topics name, by version."""
    from tidemill_operations.feed import read_all

    known: dict[int, dict[str, Any]] = {}
    for run in read_all(platform, "retrain_runs", model):
        if run.datum["artifact"] is not None and run.datum["version"] is not None:
            known[run.datum["version"]] = run.datum["artifact"]
    for item in read_all(platform, "model_versions", model):
        for arm in (item.datum["champion"], item.datum.get("challenger")):
            if arm is not None:
                known[arm["version"]] = arm
    return known


def sign_version(settings: CommonSettings, model: str, reference: dict[str, Any], again: bool = False) -> bool:
    """Sign a published version; False where one who is trusted has done so and it is not to be done again. Raises
    ArtifactError, OSError, ConfigError.
    """
    from tidemill.artifact import MANIFEST_FILE, ArtifactError, ArtifactStore, Reason
    from tidemill.artifact.signing import SIGNATURE_FILE
    from tidemill.artifact.trusted import trusts_of
    from tidemill.stores import absolute, join, write_bytes

    uri, digest = reference["artifact_uri"], reference["manifest_digest"]
    root = absolute(settings.artifacts)
    try:
        ArtifactStore(root, trusts_of(settings)).fetch(model, uri, digest)
    except ArtifactError as error:
        if error.reason is not Reason.UNSIGNED:
            raise
    else:
        if not again:
            return False
    found = ArtifactStore(root).fetch(model, uri, digest)
    if found.manifest.model != model or found.manifest.version != reference["version"]:
        raise ArtifactError(
            f"its {MANIFEST_FILE} is of {found.manifest.model} {found.manifest.version}", Reason.MANIFEST
        )
    write_bytes(join(uri, SIGNATURE_FILE), ArtifactStore.of(settings).signer().sign(found.manifest.to_bytes()))
    return True
