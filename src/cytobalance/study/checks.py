"""Checks of params.yaml across groups: what recipes and classifiers name exists."""

from collections.abc import Collection

from pydantic import ValidationError

from cytobalance.balance.settings import BASELINE, Recipe
from cytobalance.classify.settings import Classifier
from cytobalance.study.explain import explain
from cytobalance.study.settings import OVERSAMPLERS

# Settings of a classifier that are the same for every recipe.
FIXED = ("kind", "balancers", "trials", "overrides")


def check_recipes(
    recipes: dict[str, Recipe], gans: Collection[str], classes: Collection[str]
) -> None:
    """ValueError where a recipe names what the study lacks, or `plain` balances."""
    if recipes.get(BASELINE) != Recipe():
        raise ValueError(
            f"balancers: `{BASELINE}: {{}}` is needed, everything is compared with it"
        )
    makers = (*gans, *OVERSAMPLERS[1:])
    for name, recipe in recipes.items():
        place = f"balancers.{name}"
        if recipe.synthetic not in (None, *makers):
            raise ValueError(
                f"{place}.synthetic: `{recipe.synthetic}` makes no cells in this "
                f"study; legal: {', '.join(makers)} (GANs stand in `gans`)"
            )
        for part in ("share", "sampling"):
            value = getattr(recipe, part)
            named = value if isinstance(value, dict) else ()
            _check_names(named, classes, "class of merge.classes", f"{place}.{part}")
        if isinstance(recipe.sampling, dict) and (
            missing := [label for label in classes if label not in recipe.sampling]
        ):
            raise ValueError(
                f"{place}.sampling: needs a weight for every class; missing: "
                + ", ".join(missing)
            )


def check_classifiers(
    classifiers: dict[str, Classifier], recipes: dict[str, Recipe]
) -> None:
    """ValueError where a classifier can't learn from the recipes that it names."""
    for name, settings in classifiers.items():
        place = f"classifiers.{name}"
        chosen = choose_balancers(settings, recipes)
        _check_names(chosen, recipes, "balancer", f"{place}.balancers")
        if BASELINE not in chosen or len(set(chosen)) < len(chosen):
            raise ValueError(
                f"{place}.balancers: needs `{BASELINE}`, and each name once"
            )
        _check_names(
            settings.overrides, chosen, "balancer of this one", f"{place}.overrides"
        )
        for balancer in chosen:
            merged = override(settings, balancer, place)
            if reason := merged.refusal(recipes[balancer]):
                raise ValueError(f"{place}.balancers: `{balancer}` has {reason}")


def _check_names(
    names: Collection[str], legal: Collection[str], what: str, place: str
) -> None:
    if strange := [name for name in names if name not in legal]:
        raise ValueError(
            f"{place}: `{strange[0]}` is no {what}; legal: {', '.join(legal)}"
        )


def choose_balancers(
    settings: Classifier, balancers: Collection[str]
) -> tuple[str, ...]:
    """The recipes of a study's `balancers` that a classifier learns from."""
    return tuple(balancers if settings.balancers == "all" else settings.balancers)


def override(settings: Classifier, balancer: str, place: str = "") -> Classifier:
    """The settings that hold for one recipe; ValueError, led by `place`, if illegal."""
    changes = settings.overrides.get(balancer, {})
    legal = [key for key in type(settings).model_fields if key not in FIXED]
    place = f"{place}.overrides.{balancer}"
    _check_names(changes, legal, "setting that recipes override", place)
    values = settings.model_dump() | {"balancers": "all", "overrides": {}} | changes
    try:
        return type(settings).model_validate(values)
    except ValidationError as error:
        raise ValueError(explain(error, type(settings), values, (place,))) from None
