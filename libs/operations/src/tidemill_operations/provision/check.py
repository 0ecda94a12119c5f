"""Would what is in flight still be readable? The history of each model's schema, and the registry's opinion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView


def schema_problems(platform: PlatformView) -> list[str]:
    """What is wrong with the schemas, one sentence each: with their history, with the model files that they must fit,
    and where those do, with the registry, if one is configured. Raises RetryLater where that is away.
    """
    from tidemill.contracts.usable import usable_models
    from tidemill.errors import ConfigError

    settings = platform.settings
    try:
        _, refused = usable_models(settings.models_dir, settings.schemas, settings.models)
    except ConfigError as error:
        refused = [error]
    unfit = list(map(str, refused))
    return _history_problems(platform) + (unfit or _registry_problems(platform))


def _history_problems(platform: PlatformView) -> list[str]:
    """Of every model whose file can be read, though its record be another by now than the file says: that is when
    the history is wanted most.
    """
    from tidemill.contracts.model_file.load import load_draft, model_files
    from tidemill.contracts.schemas.history import check_history
    from tidemill.errors import ConfigError

    settings = platform.settings
    problems: list[str] = []
    for path in model_files(settings.models_dir):
        try:
            spec = load_draft(path).spec
            if spec is not None and spec.schema_file and spec.name in (settings.models or [spec.name]):
                problems += check_history(settings.schemas, {spec.name: spec})
        except ConfigError:  # said by `usable_models`, with its place
            continue
    return problems


def _registry_problems(platform: PlatformView) -> list[str]:
    from tidemill.codec import open_registry

    registry = open_registry(platform.settings)
    if registry is None:
        return []
    problems = []
    for subject, text in subjects(platform).items():
        answers = registry.problems(subject, text)
        problems += [f"registry, {subject}: {answer}" for answer in answers]
    return problems


def subjects(platform: PlatformView) -> dict[str, str]:
    """Every schema of the platform's topics by the subject under which a registry keeps it."""
    found: dict[str, str] = {}
    for name, (role, model) in platform.topics.all_topics(platform.models).items():
        if platform.topics.spec(role).schema is not None:
            schema = platform.schemas.for_topic(role, model)
            found[f"{name}-value"] = schema.text
            if model is None:
                found[schema.full_name] = schema.text
    return found
