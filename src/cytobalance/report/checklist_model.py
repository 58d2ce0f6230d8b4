"""The checklist's questions on the models: what they are and how they were trained."""

from collections.abc import Mapping

from cytobalance.classify.settings import Classifier, Network, Timm
from cytobalance.report.checklist import Item, Section
from cytobalance.report.results import Results
from cytobalance.study import places
from cytobalance.study.params import BASELINE

# Settings of a classifier that say nothing of the model itself.
_ASIDE = {"balancers", "overrides", "trials"}


def list_models(
    results: Results, trainings: Mapping[str, Classifier], imbalance: float, size: int
) -> Section:
    """What is predicted from what, by which models, balanced how.

    trainings: `balancer-classifier` -> settings; imbalance: largest class over
    smallest; size: pixels a side.
    """
    plain = {
        name: trainings[places.key(BASELINE, name)] for name in results.classifiers
    }
    return Section(
        "Models and training",
        (
            Item(
                *("what a model sees", "9a–9c, 12b", "22"),
                f"The pixels of one cell image alone, {size} x {size} x 3, judged by "
                "nobody, with no choice among them; nothing of the person.",
            ),
            Item(
                "kinds of model, and all their settings",
                *("12c", "22, 25"),
                tell_settings(plain, trainings),
            ),
            Item("first weights", "12c", "24", tell_weights(plain)),
            Item(
                "class imbalance: why and how",
                "13",
                "",
                tell_balancing(results, imbalance),
            ),
            Item(
                *("choice of the final model", "12c", "26"),
                tell_choice(plain, bool(results.contest.get("difference"))),
            ),
            Item("ensembles", "", "27", tell_ensembles(results)),
            Item("output and thresholds", "15", "22", tell_output(results)),
            Item(
                *("how predictions were calculated", "12g, 22", ""),
                "By the trained files in models/classifiers, which tools/predict.py "
                "reads (docs/prediction.md); all predictions stand in "
                "data/predictions.",
            ),
            Item(
                *("fairness, health inequalities", "3c, 14", "", None),
                "sex, age and ancestry are in no cell set here; nothing was done for "
                "fairness, and nothing is known of it",
            ),
        ),
    )


def tell_settings(
    plain: Mapping[str, Classifier], trainings: Mapping[str, Classifier]
) -> str:
    """All settings of each classifier, then what single recipes set otherwise.

    plain: classifier -> settings without balancing; trainings: of all recipes.
    """
    parts = [f"{name}: {describe_settings(s)}" for name, s in plain.items()]
    for key, settings in trainings.items():
        recipe, name = places.key_names(key)
        usual = plain[name].model_dump(mode="json", exclude=_ASIDE - {"trials"})
        values = settings.model_dump(mode="json", exclude=_ASIDE - {"trials"})
        changed = [f"{k} {v}" for k, v in values.items() if v != usual[k]]
        if changed:
            parts.append(f"{name} with {recipe}: {', '.join(changed)}")
    return "; ".join(parts)


def describe_settings(settings: Classifier) -> str:
    """All settings of a training, as params.yaml names them."""
    values = settings.model_dump(mode="json", exclude=_ASIDE)
    parts = [f"{name} {value}" for name, value in values.items() if value is not None]
    return ", ".join([*parts, f"trials {settings.trials}"])


def tell_weights(plain: Mapping[str, Classifier]) -> str:
    """Where networks start."""
    parts = []
    for name, settings in plain.items():
        if isinstance(settings, Timm) and settings.weights != "none":
            source = settings.weights + (
                f", sha256 {settings.sha256}" if settings.sha256 else ""
            )
            parts.append(f"{name}: trained elsewhere ({source})")
        elif isinstance(settings, Network):
            parts.append(f"{name}: drawn at random")
        elif (features := getattr(settings, "features", None)) is not None:
            parts.append(f"{name}: features of {features.network} ({features.weights})")
        else:
            parts.append(f"{name}: has none")
    return (
        "; ".join(parts) + ". Every recipe starts from the same ones, trial by trial."
    )


def tell_balancing(results: Results, imbalance: float) -> str:
    """Why classes are balanced, and each recipe in words."""
    recipes = "; ".join(
        f"{name}: {about}" for name, about in results.about.items() if name != BASELINE
    )
    why = f"The largest class has {imbalance:g} times the cells of the smallest."
    if not recipes:
        return f"{why} Nothing was done about it."
    return f"{why} Each recipe is compared with none ({BASELINE}): {recipes}."


def tell_choice(plain: Mapping[str, Classifier], both: bool) -> str:
    """What validation and test cells chose.

    both: whether recipes with and without synthetic cells were compared.
    """
    kinds = "recipe of each kind" if both else "recipe"
    text = f"The best {kinds} is chosen by balanced accuracy on validation cells."
    if any(isinstance(settings, Network) for settings in plain.values()):
        text += " So is the epoch of each network that is kept."
    if not both:
        return f"{text} Test cells choose nothing."
    return (
        f"{text} The test decides whether the one with synthetic cells is named the "
        "best."
    )


def tell_ensembles(results: Results) -> str:
    """How many trainings one model file holds."""
    counts = {
        c: max(r["trials"] for (_, _, name), r in results.records.items() if name == c)
        for c in results.classifiers
    }
    listed = ", ".join(f"{name} {count}" for name, count in counts.items())
    return (
        f"Trainings of each recipe: {listed}. Scores are of single trainings, "
        "averaged; `ensemble` of metrics/classifiers scores them together, with the "
        "mean of their probabilities, scaled by a temperature fitted on validation "
        "cells."
    )


def tell_output(results: Results) -> str:
    """Probabilities, and thresholds of the rare classes where there are any."""
    text = "A probability for each class; the class with the highest is named."
    ranking = results.shown[BASELINE].get("ranking")
    if not ranking:
        return text
    return (
        f"{text} For rare classes also a threshold at specificity "
        f"{ranking['specificity']:g}, chosen on validation cells."
    )
