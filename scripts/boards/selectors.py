"""Which series are meant: those of what is chosen on a board, and of callers' requests."""

from __future__ import annotations

WINDOW = "$__rate_interval"
"""Of a rate: Grafana's own, at least four scrapes."""


def here(**labels: str) -> str:
    """A selector of the chosen namespaces and these labels; a value that has `|` or `$` is a pattern, and one behind
    `!` is what must not be.

    >>> here(state="failed", path="!a|b")
    '{namespace=~"$namespace",state="failed",path!~"a|b"}'
    """
    matchers = [_matcher(name, value) for name, value in {"namespace": "$namespace", **labels}.items()]
    return "{" + ",".join(matchers) + "}"


def of_model(**labels: str) -> str:
    """A selector of the chosen namespaces and models."""
    return here(model="$model", **labels)


def quantile(share: float, by: str, histogram: str, over: str = WINDOW) -> str:
    """A quantile over the labels `by` of a histogram, given by its name and selector.

    >>> quantile(0.5, "job", "took_seconds{}", "1h")
    'histogram_quantile(0.5, sum by (job, le) (rate(took_seconds_bucket{}[1h])))'
    """
    name, brace, rest = histogram.partition("{")
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({name}_bucket{brace}{rest}[{over}])))"


def _matcher(name: str, value: str) -> str:
    equal, other = ("=~", "!~") if set("|$") & set(value) else ("=", "!=")
    return f'{name}{other if value.startswith("!") else equal}"{value.removeprefix("!")}"'


HERE = here()
OF_MODEL = of_model()
CALLERS = here(job="ingest|inference|serve", path="!.*/health/.*|/metrics")
"""Requests of callers, of both interfaces: health and metrics are not theirs."""
