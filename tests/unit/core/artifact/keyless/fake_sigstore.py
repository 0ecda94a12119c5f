"""A fake of sigstore's services in this process: one small server that certifies whoever a token names, without asking
who made it, and keeps a log of one record at a time. All of its cryptography is real, and so is the client. The form is
that of Rekor's first generation, whose time is the log's own; tests/sigstore has the real servers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import jwt
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ISSUER = "https://cluster.example.org"
TRAINER = "https://kubernetes.io/namespaces/tidemill/serviceaccounts/trainer"
_MEDIA = "application/vnd.dev.sigstore."
_SINCE = {"start": "2020-01-01T00:00:00Z"}
_SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


class FakeSigstore:
    """`certifies`: the name that stands in certificates; None: what the token says. `answer`: what it answers instead
    of a certificate or a place in the log, as (path's part, status, body). `late_s`: how much later than the
    certificate a record comes into the log. `goes_on`: while it is not set, the log answers nobody.
    """

    def __init__(self) -> None:
        self.ca, self.ct, self.log = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.certifies: str | None = None
        self.more_names: list[x509.GeneralName] = []
        self.answer: tuple[str, int, bytes] | None = None
        self.late_s = 0.0
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.asked = 0
        self._root = self._authority()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()

    def config(self) -> dict[str, Any]:
        """A ClientTrustConfig."""
        root = {
            "mediaType": f"{_MEDIA}trustedroot+json;version=0.1",
            "tlogs": [self._log_of(self.log)],
            "ctlogs": [self._log_of(self.ct)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "test", "commonName": "root"},
                    "uri": self.url,
                    "certChain": {"certificates": [{"rawBytes": _text(self._root.public_bytes(form.Encoding.DER))}]},
                    "validFor": _SINCE,
                }
            ],
        }
        service = {"url": self.url, "majorApiVersion": 1, "validFor": _SINCE, "operator": "test"}
        signing = {
            "mediaType": f"{_MEDIA}signingconfig.v0.2+json",
            "caUrls": [service],
            "rekorTlogUrls": [service],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        }
        media = f"{_MEDIA}clienttrustconfig.v0.1+json"
        return {"mediaType": media, "trustedRoot": root, "signingConfig": signing}

    def write_config(self, path: Path) -> Path:
        path.write_text(json.dumps(self.config()))
        return path

    def certify(self, token: str, public: ec.EllipticCurvePublicKey) -> list[str]:
        """The certificate for who a token says it is, with its place in the certificate log, and the authority's."""
        claims = jwt.decode(token, options={"verify_signature": False})
        builder = self._leaf(self.certifies or claims["sub"], claims["iss"], public)
        draft = self._with_scts(builder, b"\x00" * 70)
        stamp = self._certificate_stamp(draft)
        leaf = self._with_scts(builder, stamp)
        return [one.public_bytes(form.Encoding.PEM).decode() for one in (leaf, self._root)]

    def record(self, proposed: dict[str, Any]) -> dict[str, Any]:
        """The log's answer to a record, which is the only one in its tree."""
        body = json.dumps(proposed, sort_keys=True, separators=(",", ":")).encode()
        log_id = _key_id(self.log)
        entry: dict[str, Any] = {
            "body": _text(body), "integratedTime": int(time.time() + self.late_s), "logID": log_id.hex(), "logIndex": 0,
        }  # fmt: skip
        promise = self.log.sign(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode(), _sha256())
        leaf = hashlib.sha256(b"\x00" + body).digest()
        note = f"log.test\n1\n{_text(leaf)}\n"
        signed = _text(log_id[:4] + self.log.sign(note.encode(), _sha256()))
        proof = {
            "logIndex": 0, "treeSize": 1, "hashes": [], "rootHash": leaf.hex(),
            "checkpoint": f"{note}\n\N{EM DASH} log.test {signed}\n",
        }  # fmt: skip
        return {"1": entry | {"verification": {"signedEntryTimestamp": _text(promise), "inclusionProof": proof}}}

    def _leaf(self, name: str, issuer: str, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        fulcio = "1.3.6.1.4.1.57264.1"
        mail = "@" in name and "://" not in name
        names = [x509.RFC822Name(name) if mail else x509.UniformResourceIdentifier(name), *self.more_names]
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._root.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(minutes=9))
        )
        own = _usage(digital_signature=True)
        for extension, critical in (
            (x509.SubjectAlternativeName(names), True),
            (own, True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca.public_key()), False),
            (x509.UnrecognizedExtension(ObjectIdentifier(f"{fulcio}.1"), issuer.encode()), False),
            (x509.UnrecognizedExtension(ObjectIdentifier(f"{fulcio}.8"), asn1.encode_der(issuer)), False),
        ):
            builder = builder.add_extension(extension, critical=critical)
        return builder

    def _with_scts(self, builder: x509.CertificateBuilder, stamp: bytes) -> x509.Certificate:
        one = struct.pack("!H", len(stamp)) + stamp
        listed = struct.pack("!H", len(one)) + one
        value = x509.UnrecognizedExtension(_SCTS, asn1.encode_der(listed))
        return builder.add_extension(value, critical=False).sign(self.ca, hashes.SHA256())

    def _certificate_stamp(self, draft: x509.Certificate) -> bytes:
        """RFC 6962, 3.2: of the certificate without this stamp."""
        at, tbs = int(time.time() * 1000), draft.tbs_precertificate_bytes
        signed = struct.pack("!BBQH", 0, 0, at, 1) + _key_id(self.ca) + struct.pack("!I", len(tbs))[1:] + tbs + b"\0\0"
        signature = self.ct.sign(signed, _sha256())
        head = struct.pack("!B32sQH", 0, _key_id(self.ct), at, 0)
        return head + struct.pack("!BBH", 4, 3, len(signature)) + signature

    def _authority(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
        public = self.ca.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self.ca, hashes.SHA256())
        )

    def _log_of(self, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
        public = {"rawBytes": _text(_der(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": _SINCE}
        return {
            "baseUrl": self.url, "hashAlgorithm": "SHA2_256", "publicKey": public,
            "logId": {"keyId": _text(_key_id(key))},
        }  # fmt: skip


def token(identity: str = TRAINER, *, issuer: str = ISSUER, audience: str = "sigstore", lives_s: float = 300) -> str:
    """A token of nobody's: its signature is by a key that is thrown away."""
    now = time.time()
    claims = {"iss": issuer, "aud": audience, "sub": identity, "iat": now - 60, "exp": now + lives_s}
    return jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256")


def _handler(fake: FakeSigstore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fake.asked += 1
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if fake.answer is not None and fake.answer[0] in self.path:
                return self.tell(fake.answer[1], fake.answer[2])
            if self.path.endswith("/signingCert"):
                request = x509.load_pem_x509_csr(base64.b64decode(sent["certificateSigningRequest"]))
                public = cast(ec.EllipticCurvePublicKey, request.public_key())
                chain = fake.certify(self.headers["Authorization"].removeprefix("Bearer "), public)
                return self.tell(201, {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}})
            fake.goes_on.wait(30)
            return self.tell(201, fake.record(sent))

        def tell(self, status: int, body: dict[str, Any] | bytes) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

    return Handler


def _usage(**more: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**(dict.fromkeys(names, False) | more))


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)


def _key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(_der(key)).digest()


def _sha256() -> ec.ECDSA:
    return ec.ECDSA(hashes.SHA256())


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
