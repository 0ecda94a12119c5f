"""Writes anew what tests/unit/core/artifact/keyless/test_recorded.py reads: signatures of real servers, with the trust
root that verifies them. `python -m tests.sigstore.record`
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.sigstore.deployment import Sigstore
from tidemill.artifact.keyless.introduction import introduce
from tidemill.artifact.keyless.signer import SigstoreIdentity
from tidemill.artifact.keyless.signers import TrustedIdentities

WHO = {
    "trainer": "https://kubernetes.io/namespaces/tidemill/serviceaccounts/trainer",
    "person": "anna@example.org",
}
TARGET = Path(__file__).parents[1] / "unit/core/artifact/keyless/recorded"
MANIFEST = b'{"model": "loan", "version": 7}\n'


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    (TARGET / "manifest.json").write_bytes(MANIFEST)
    trusted = TrustedIdentities(TARGET / "identities.yaml", TARGET / "trusted_root.json")
    for path in (trusted.path, trusted.root):
        path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder, Sigstore(Path(folder)) as sigstore:
        token = Path(folder) / "token"
        service = SigstoreIdentity(f"sigstore:{sigstore.trust_config}", token, trusted)
        for name, identity in WHO.items():
            token.write_text(sigstore.token(identity))
            introduce(service, trusted)
            (TARGET / f"{name}.sig").write_bytes(service.sign(MANIFEST))


if __name__ == "__main__":
    main()
