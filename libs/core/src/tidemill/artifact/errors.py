"""The one error of an artifact, and why it is raised."""

from __future__ import annotations

from enum import StrEnum

from tidemill.errors import TidemillError


class Reason(StrEnum):
    """What is wrong with an artifact: few fixed names, fit for a metric's label.

    digest: other bytes than were published. missing: a file is not there. size: a file is too large. manifest: it is
    not about this version, or does not fit the model. graph: the file is no ONNX graph of standard operators that holds
    all its data, or it does not run. signature: inputs, outputs or shapes are not those of the manifest. golden:
    golden rows are not repeated. scores: no probabilities, or an answer that depends on more than its row. proof: it
    did not come through its proof in a process of its own. place: it lies elsewhere than in the artifact store.
    unsigned: no trusted key has signed it. other: anything else, a defect too.
    """

    DIGEST = "digest"
    MISSING = "missing"
    SIZE = "size"
    MANIFEST = "manifest"
    GRAPH = "graph"
    SIGNATURE = "signature"
    GOLDEN = "golden"
    SCORES = "scores"
    PROOF = "proof"
    PLACE = "place"
    UNSIGNED = "unsigned"
    OTHER = "other"


class ArtifactError(TidemillError):
    """The artifact is not what its event says, or not fit to be served: refuse it; trying again changes
    nothing.
    """

    def __init__(self, message: str, reason: Reason = Reason.OTHER) -> None:
        super().__init__(message)
        self.reason = reason
