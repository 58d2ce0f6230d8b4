"""Recipes in a few words, for somebody who reads of one for the first time."""

from collections.abc import Iterable

from cytobalance.balance.settings import Recipe
from cytobalance.report.wording import list_words
from cytobalance.taxonomy import readable

# What oversamplers make.
MADE = {
    "augmented": "rotated, shifted, mirrored copies",
    "smote": "SMOTE, mixtures of neighbouring cells",
    "adasyn": "ADASYN, mixtures of neighbouring cells",
}
SAMPLING = {
    "balanced": "every class drawn equally often",
    "sqrt": "classes drawn by the root of their size",
}
SOURCES = {
    "balanced": "sources of a class drawn equally often",
    "sqrt": "sources of a class drawn by the root of their size",
}


def describe_recipe(recipe: Recipe) -> str:
    """What sets a recipe apart from plain training; `no balancing` where nothing."""
    parts = _describe_synthetic(recipe) if recipe.synthetic else []
    if isinstance(recipe.sampling, dict):
        weights = [f"{readable(c)} {w:g}" for c, w in recipe.sampling.items()]
        parts.append(f"cells drawn by the weight of their class ({_join(weights)})")
    elif recipe.sampling in SAMPLING:
        parts.append(SAMPLING[recipe.sampling])
    if recipe.sources != "natural":
        parts.append(SOURCES[recipe.sources])
    if recipe.loss != "cross_entropy":
        parts.append(f"loss: {readable(recipe.loss)}{_describe_start(recipe)}")
    if recipe.post_adjustment:
        parts.append("logits adjusted after training")
    if recipe.augment.active:
        changes = [name for name, value in recipe.augment if value]
        parts.append(f"every view changed at random ({_join(changes)})")
    if recipe.mix:
        second = "with a cell of any class alike " * (recipe.mix.partner == "even")
        parts.append(f"views mixed {second}({recipe.mix.how})")
    if recipe.head_retraining:
        parts.append("last layer retrained on even draws")
    if recipe.ema:
        parts.append("weights averaged over the training")
    return "; ".join(parts) or "no balancing"


def _describe_start(recipe: Recipe) -> str:
    if not recipe.loss_from:
        return ""
    what = "re-weighted " if recipe.loss == "ldam" else ""
    return f", {what}from {100 * recipe.loss_from:g} % of the training on"


def _describe_synthetic(recipe: Recipe) -> list[str]:
    made = MADE.get(recipe.maker, f"synthetic cells of the GAN {recipe.maker}")
    if isinstance(recipe.share, dict):
        share = max(recipe.share.values(), default=0)
        labels = list_words([readable(label) for label in recipe.share])
        made += f", up to {100 * share:g} % of the views of {labels}"
    elif recipe.share is not None:
        made += f", {100 * recipe.share:g} % of every class's views"
    parts = [made]
    if recipe.synthetic_weight != 1:
        parts.append(f"each counts {recipe.synthetic_weight:g} times in the loss")
    if recipe.order == "synthetic_first":
        parts.append("seen before the first real cell")
    return parts


def find_twin(name: str, recipes: dict[str, Recipe]) -> str:
    """The recipe that is the same without synthetic cells; empty where none is."""
    bare = {"synthetic": None, "share": None, "synthetic_weight": 1.0, "order": "mixed"}
    twin = recipes[name].model_copy(update=bare)
    others = (other for other in recipes if other != name and recipes[other] == twin)
    return next(others, "")


def _join(words: Iterable[str]) -> str:
    return ", ".join(words)
