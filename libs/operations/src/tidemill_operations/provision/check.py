"""Would what is in flight still be readable? The history of each model's schema, and the registry's opinion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView


def schema_problems(platform: PlatformView) -> list[str]:
    """What is wrong with the schemas, one sentence each: with their history, with the model files that they must fit,
    and where those do, with the registry, if one is configured. Raises RetryLater where that is away.
    """
    from tidemill.contracts.schemas.history import check_history
    from tidemill.contracts.usable import usable_models

    settings = platform.settings
    models, refused = usable_models(settings.models_dir, settings.schemas, settings.models)
    problems, unfit = check_history(settings.schemas, models), list(map(str, refused))
    return problems + unfit if unfit else problems + _registry_problems(platform)


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
