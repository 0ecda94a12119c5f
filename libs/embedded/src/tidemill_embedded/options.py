"""What a platform on this machine may be told beside its folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tidemill_embedded.processes.restart_policy import RestartPolicy
from tidemill_embedded.processes.supervisor import Ended
from tidemill_embedded.start.settings import StartSettings

DEFAULT_PARTITIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformOptions:
    """All but a platform's folders.

    `models`: the names to serve (empty: all in `models/`); `kafka`: another cluster's HOST:PORT instead of the embedded
    broker; `prefix` goes before every topic, group and transactional id; `env_overrides`: further variables for all
    services, and `service_env` for one by its name; `mlflow_server`: whether MLflow's pages are served; `partitions` of
    each topic that is made; `policy`: how often what ends is started again; `on_news` is told what has ended,
    `on_models` a line for each change of model files; `start`: the deadlines of a start, from the environment where it
    is not given.
    """

    models: Sequence[str] = ()
    kafka: str | None = None
    prefix: str = ""
    env_overrides: Mapping[str, str] = field(default_factory=dict)
    service_env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    mlflow_server: bool = False
    partitions: int = DEFAULT_PARTITIONS
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    on_news: Callable[[Ended], None] = lambda news: None
    on_models: Callable[[str], None] = lambda text: None
    start: StartSettings = field(default_factory=StartSettings)
