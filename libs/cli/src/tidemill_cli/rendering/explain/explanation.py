"""An explanation as lines for a person, and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidemill.artifact import Manifest
    from tidemill_operations.explain.explanation import Explanation

NOT_RECORDED = "not recorded"
SHORT = 12
WIDEST_VALUE = 28


def as_dict(found: Explanation) -> dict[str, Any]:
    """Plain JSON: all that is known, hashes in full."""
    manifest, told = found.manifest, found.contributions
    return {
        "model": found.model,
        "prediction": found.prediction,
        "bytes": [asdict(one) for one in found.bytes],
        "traces": list(found.traces),
        "version": {
            "number": manifest.version,
            "artifact": found.artifact_uri,
            "manifest_sha256": found.manifest_digest,
            "files": manifest.files,
            "code": manifest.git_sha or None,
            "libraries": manifest.libraries,
            "data_set": manifest.data_set,
            "window": manifest.window,
            "change_point": manifest.change_point,
            "lineage": asdict(manifest.lineage) if manifest.lineage else None,
            "mixture": [asdict(one) for one in manifest.mixture] if manifest.mixture else None,
        },
        "features": found.features,
        "scored_again": asdict(found.again),
        "contributions": asdict(told) if told else None,
        "untold": found.untold or None,
    }


def lines(found: Explanation) -> list[str]:
    """As text; nothing that a person copies is cut."""
    return [
        *_prediction(found),
        "",
        *_bytes(found),
        "",
        *_version(found),
        "",
        *_again(found),
        "",
        *_contributions(found),
    ]


def _prediction(found: Explanation) -> list[str]:
    datum = found.prediction
    moment = datetime.fromtimestamp(datum["predicted_at"] / 1000, tz=UTC).isoformat(timespec="milliseconds")
    return [
        f"prediction {datum['prediction_id']} of {found.model}, event {datum['event_id']}",
        f"  {datum['source']}, {moment}, version {datum['version']} as {datum['arm']} at epoch {datum['epoch']}",
        *([f"  asked by  {caller}"] if (caller := datum.get("caller")) else []),
        f"  traces    {', '.join(found.traces) or 'none'}",
    ]


def _bytes(found: Explanation) -> list[str]:
    said = []
    for one in found.bytes:
        said.append(f"  {one.stage:<10} {one.place}, {one.size:,} bytes, sha256 {one.sha256}")
        said.append(f"  {'':<10} schema {one.schema}")
    if all(one.stage in ("clean", "prediction") for one in found.bytes):
        said.insert(0, "  raw        not there any more")
    return ["bytes", *said]


def _version(found: Explanation) -> list[str]:
    from tidemill.artifact import told_mixture

    manifest, lineage = found.manifest, found.manifest.lineage
    since = manifest.change_point["event_time"] if manifest.change_point else None
    facts = {
        "model": f"sha256 {manifest.files['model.onnx']}",
        "manifest": f"sha256 {found.manifest_digest}, {found.artifact_uri}",
        "cause": lineage.cause if lineage else NOT_RECORDED,
        "parent": (f"version {lineage.parent}" if lineage.parent else "none") if lineage else NOT_RECORDED,
        **({"mixture": told_mixture(manifest.shares)} if manifest.mixture else {}),
        "data set": _data_set(manifest),
        "rows": _rows(manifest),
        "window": (manifest.window or NOT_RECORDED) + (f", change at {_moment(since)}" if since else ""),
        "code": manifest.git_sha or NOT_RECORDED,
        "made with": ", ".join(f"{name} {number}" for name, number in (_environment(manifest)).items()),
    }
    return [f"version {manifest.version}", *(f"  {name:<10} {fact}" for name, fact in facts.items())]


def _environment(manifest: Manifest) -> dict[str, str]:
    own = manifest.lineage.environment if manifest.lineage else {}
    return {**own, **manifest.libraries} or {"environment": NOT_RECORDED}


def _data_set(manifest: Manifest) -> str:
    data_set = manifest.data_set
    ranges = ", ".join(f"{one['topic']}/{one['partition']}/{one['first']}-{one['last']}" for one in data_set["offsets"])
    return f"{data_set['table_uri'] or 'of elsewhere'}, version {data_set['table_version']}: {ranges}"


def _rows(manifest: Manifest) -> str:
    lineage = manifest.lineage
    if lineage is None or not lineage.trained_here:
        return NOT_RECORDED
    seed = lineage.recipe.get("seed", NOT_RECORDED)
    return f"{lineage.rows:,}, sha256 {lineage.content}, cut-off {_moment(lineage.cut_off)}, seed {seed}"


def _again(found: Explanation) -> list[str]:
    again = found.again
    verdict = "the same to the last bit" if again.equal else f"differs by {again.apart:.3g}"
    if not again.equal and again.holds:
        verdict += ", which is rounding: it was scored among other rows"
    return [f"answered    {_outputs(again.recorded)}", f"once more   {_outputs(again.found)}: {verdict}"]


def _outputs(outputs: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in outputs.items())


def _contributions(found: Explanation) -> list[str]:
    told = found.contributions
    width = max(map(len, found.features))
    if told is None:
        values = [f"  {name:<{width}}  {_value(value)}" for name, value in found.features.items()]
        return [f"contributions are not told: {found.untold}", *values]
    towards = f" towards {told.towards}" if told.towards else ""
    counted = f", counted by {told.counts}" if told.counts else ""
    ranked = sorted(told.by_input.items(), key=lambda one: -abs(one[1]))
    return [
        f"contributions{towards}, in {told.unit} ({told.method}{counted})",
        f"  {'base':<{width}}  {'':<{WIDEST_VALUE}} {told.base:+.6f}",
        *(f"  {name:<{width}}  {_value(found.features[name]):<{WIDEST_VALUE}} {share:+.6f}" for name, share in ranked),
        f"  {'score' if told.parts else 'raw score':<{width}}  {'':<{WIDEST_VALUE}} {told.raw:+.6f}",
        *(f"  of version {one.version}: {one.weight:.6g} times {one.score:+.6f}" for one in told.parts),
    ]


def _value(value: str | float | None) -> str:
    if value is None:
        return "missing"
    return f"{value:.10g}" if isinstance(value, float) else value or "(empty)"


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="milliseconds")
