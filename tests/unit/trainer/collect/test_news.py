"""Who is told that tables have grown is told of all of them, though of one it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from tidemill.errors import RetryLater
from tidemill_trainer.collect.news import AGAIN_AFTER_S, News


@dataclass
class Clock:
    now: float = 1.0

    def __call__(self) -> float:
        return self.now


def named(name: str) -> Any:
    """What news need of a model."""
    return SimpleNamespace(spec=SimpleNamespace(name=name))


def test_models_behind_one_that_fails_for_long_are_told_of_and_the_one_that_fails_is_tried_again() -> None:
    clock, told, away = Clock(), list[str](), {"first"}

    def tell(model: Any) -> None:
        if model.spec.name in away:
            raise RetryLater("its table is away")
        told.append(model.spec.name)

    news = News(tell, clock)
    for name in ("first", "second", "third"):
        news.of(named(name))
    news.tell()
    for _ in range(3):
        clock.now += AGAIN_AFTER_S
        news.of(named("first"))  # its table grows all the time, and brings it no further to the front
        news.tell()
    assert told == ["second", "third"]
    away.clear()
    clock.now += AGAIN_AFTER_S
    news.tell()
    assert told == ["second", "third", "first"]
    clock.now += AGAIN_AFTER_S
    news.tell()
    assert len(told) == 3, "each is told once"


def test_what_cannot_be_told_of_any_model_is_asked_once_in_a_while_and_not_once_a_model() -> None:
    clock, asked = Clock(), list[str]()

    def tell(model: Any) -> None:
        asked.append(model.spec.name)
        raise RetryLater("the database is away")

    news = News(tell, clock)
    for name in ("first", "second"):
        news.of(named(name))
    for _ in range(3):
        news.tell()
    assert asked == ["first"]
    clock.now += AGAIN_AFTER_S
    news.tell()
    assert asked == ["first", "second"]
