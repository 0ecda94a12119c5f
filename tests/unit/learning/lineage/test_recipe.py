"""The words of a model file travel with a version, and make it again when the file says others."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta

from tests.unit.learning.examples import spec
from tidemill.contracts.model_file.spec import DecisionCost, Feature, Training
from tidemill_learning.lineage.recipe import differing, recipe_of, spec_of

TOUCH_NO_BYTE = {"first_after", "budget", "gate"}
"""Words of `training` that decide when and whether, and nothing of what a version is; what the budget allowed is
recorded beside the recipe."""


def test_a_recipe_survives_json_and_gives_the_same_words_to_another_model_file() -> None:
    model = spec("binary", "random_forest", "logistic_regression")
    weighed = replace(model.training, class_weights=(("true", 5.0),))
    model = replace(model, target=replace(model.target, cost=DecisionCost(1.0, 9.0)), training=weighed)
    recipe = json.loads(json.dumps(recipe_of(model)))
    other = replace(
        model,
        target=replace(model.target, delay=timedelta(days=3), cost=None),
        features=(Feature("other", "number"),),
        training=Training("accuracy", ("gradient_boosting",), newest=5, split=(50, 25, 25), seed=99),
    )
    assert set(differing(other, recipe)) == {
        "features", "delay_ms", "metric", "candidates", "newest", "split", "seed", "class_weights", "cost",
    }  # fmt: skip
    again = spec_of(other, recipe)
    assert again.features == model.features and again.target == model.target
    assert again.training.class_weights == weighed.class_weights
    assert recipe_of(again) == recipe_of(model) and differing(again, recipe) == []


def test_every_word_of_training_is_in_the_recipe_or_touches_no_byte() -> None:
    recipe = recipe_of(spec("binary"))
    assert {one.name for one in fields(Training)} - set(recipe) == TOUCH_NO_BYTE
    assert {one.name for one in fields(Feature)} == set(recipe["features"][0])
