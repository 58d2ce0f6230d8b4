"""Whether timm and scikit-learn have what params.yaml names; slow to import."""

from pathlib import Path

from cytobalance.balance.settings import Recipe
from cytobalance.classify.settings import Classifier, Estimator, Pretrained, Timm
from cytobalance.study.params import Study
from cytobalance.study.runtime import StudyError


def check_classifiers(study: Study) -> None:
    """Refuse classifiers that could not be built, or could not take a recipe.

    Neither library is imported where no classifier is of it. Raises StudyError.
    """
    for name, settings in study.trainings.items():
        balancer, classifier = name.split("-")
        try:
            _check(settings)
            recipe = study.recipes[balancer]
            if isinstance(settings, Estimator):
                _check_weights(settings, recipe)
            if isinstance(settings, Timm) and recipe.loss == "ldam":
                _check_head(settings)
        except StudyError as error:
            place = f"classifiers.{classifier}"
            raise StudyError(f"params.yaml: {place}, for {balancer}: {error}") from None


def _check(settings: Classifier) -> None:
    if isinstance(settings, Timm):
        _check_network(settings.network, settings)
    if isinstance(settings, Estimator):
        from cytobalance.classify.estimators import build_pipeline

        build_pipeline(settings, seed=0)
        if settings.features:
            _check_network(settings.features.network, settings.features)


def _check_network(name: str, settings: Pretrained) -> None:
    import timm

    plain, _, tag = name.partition(".")
    if not timm.is_model(plain):
        raise StudyError(
            f"timm has no network `{name}`; legal are the names that "
            "timm.list_models() prints"
        )
    if tag and not timm.is_model_pretrained(name):
        raise StudyError(
            f"timm has no weights `{tag}` of {plain}; legal are the names that "
            f"timm.list_pretrained('{plain}*') prints"
        )
    if settings.weights == "imagenet" and not timm.is_model_pretrained(name):
        raise StudyError(
            f"timm publishes no weights of {name}; set `weights` to none or to a file"
        )
    if settings.sha256 and not Path(settings.weights).is_file():
        raise StudyError(f"{settings.weights}: no such file, named as `weights`")


def _check_head(settings: Timm) -> None:
    import torch

    from cytobalance.classify.losses import make_unit_head
    from cytobalance.classify.sight import create_network

    with torch.device("meta"):  # its layers without their numbers
        make_unit_head(create_network(settings.network, 2).get_classifier())


def _check_weights(settings: Estimator, recipe: Recipe) -> None:
    from cytobalance.classify.estimators import build_pipeline, weight_argument
    from cytobalance.classify.kinds.scikit_learn import refuse_weights

    if not recipe.weighs and recipe.synthetic_weight == 1:
        return
    if weight_argument(build_pipeline(settings, seed=0)) is None:
        raise StudyError(refuse_weights(settings.estimator))
