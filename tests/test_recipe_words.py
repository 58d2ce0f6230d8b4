"""Recipes in words, and what a GAN adds to which."""

from cytobalance.balance.settings import Recipe
from cytobalance.report.recipe_words import describe_recipe, find_twin


def recipe(**parts) -> Recipe:
    return Recipe.model_validate(parts)


def test_every_part_that_differs_from_plain_is_said():
    assert describe_recipe(recipe()) == "no balancing"
    text = describe_recipe(
        recipe(
            synthetic="acgan",
            share={"smudge_cell": 0.25, "monoblast": 0.1},
            synthetic_weight=0.5,
            order="synthetic_first",
            sampling={"all": 2, "hem": 7},
            loss="balanced_softmax",
            post_adjustment=1.0,
            sources="sqrt",
            loss_from=0.8,
            mix={"how": "cutmix", "partner": "even"},
            ema=0.9,
            augment={"turn": 180, "mirror": True},
        )
    )
    for words in (
        "synthetic cells of the GAN acgan, up to 25 % of the views of smudge cell and",
        "each counts 0.5 times in the loss",
        "seen before the first real cell",
        "weight of their class (all 2, hem 7)",
        "loss: balanced softmax, from 80 % of the training on",
        "sources of a class drawn by the root",
        "views mixed with a cell of any class alike (cutmix)",
        "weights averaged",
        "logits adjusted after training",
        "every view changed at random (turn, mirror)",
    ):
        assert words in text
    again = describe_recipe(recipe(head_retraining=2))
    assert again == "last layer retrained on even draws"
    deferred = describe_recipe(recipe(loss="ldam", loss_from=0.8))
    assert deferred == "loss: ldam, re-weighted from 80 % of the training on"
    assert "SMOTE" in describe_recipe(recipe(synthetic="smote"))
    assert describe_recipe(recipe(synthetic="smote", share=0.5)).endswith(
        "50 % of every class's views"
    )
    assert "equally often" in describe_recipe(recipe(sampling="balanced"))


def test_the_twin_of_a_recipe_is_the_same_without_synthetic_cells():
    even = {"sampling": "balanced"}
    recipes = {
        "plain": recipe(),
        "even": recipe(**even),
        "even_gan": recipe(**even, synthetic="acgan", share=0.3, synthetic_weight=2),
        "gan": recipe(synthetic="acgan"),
        "loss_gan": recipe(synthetic="acgan", loss="class_weights"),
    }
    twins = {name: find_twin(name, recipes) for name in recipes}
    assert twins["even_gan"] == "even" and twins["gan"] == "plain"
    assert twins["loss_gan"] == ""
