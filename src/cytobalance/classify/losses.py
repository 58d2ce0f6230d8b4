"""Losses of a classifier that know how often each class is seen."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from cytobalance.balance.settings import Recipe
from cytobalance.study.runtime import StudyError

# Of LDAM (Cao 2019): what cosines are multiplied by, and the largest margin of one.
LDAM_SCALE, LARGEST_MARGIN = 30.0, 0.5


def cell_losses(
    logits: Tensor, labels: Tensor, recipe: Recipe, prior: Tensor, factors: Tensor
) -> Tensor:
    """Loss of each cell: float32 [N].

    logits: [N, C]; labels: int64 [N]; prior: float32 [C], how often the training sees
    each class, sum 1; factors: float32 [C], as of `class_factors`. With f the logits,
    y the class and p = softmax(f)_y:

    cross_entropy     -log p; with two classes binary cross-entropy of f_1 - f_0
    class_weights     the same, times the factor of y
    effective_number  the same, times the factor of y
    focal             (1 - p)^gamma times the same             Lin 2017, equation 4
    balanced_softmax  -log softmax(f + log prior)_y            Ren 2020, equation 3
    logit_adjusted    -log softmax(f + tau log prior)_y        Menon 2021, equation 10
    ldam              -log softmax(f - s m_y e_y)_y            Cao 2019, equation 13
                      with `loss_from` times the factor of y

    A class that the training never sees has no part in balanced_softmax and
    logit_adjusted. ldam needs the logits of a unit head (`make_unit_head`).
    """
    logits, loss = logits.float(), recipe.loss
    tau = {"balanced_softmax": 1.0, "logit_adjusted": recipe.loss_adjustment}
    if tau.get(loss):
        logits = logits + tau[loss] * prior.log()
    if loss == "ldam":
        lowered = LDAM_SCALE * class_margins(prior)[labels]
        logits = logits.scatter_add(1, labels[:, None], -lowered[:, None])
    losses = functional.cross_entropy(logits, labels, reduction="none")
    if loss == "focal":
        return (1 - (-losses).exp()) ** recipe.loss_gamma * losses
    return losses * factors[labels] if recipe.weighs else losses


def class_factors(recipe: Recipe, prior: Tensor, cells: int) -> Tensor:
    """What the loss of a cell of each class is multiplied by: float32 [C].

    Of `class_weights` 1 / (C prior) (Gungor 2023); of `effective_number`, and of `ldam`
    once it weighs, (1 - beta) / (1 - beta^n), with n = prior x cells (Cui 2019,
    equation 4), scaled to mean 1 over the views, as the first has it. Of other losses
    1. prior: float32 [C]; cells: of the training. A class that is never seen has 1.
    """
    seen = prior > 0
    if recipe.loss == "class_weights":
        factors = 1 / (len(prior) * prior)
    elif recipe.weighs:
        beta = torch.tensor(recipe.loss_beta, dtype=torch.float64)
        factors = (1 - beta) / (1 - beta ** (prior.double() * cells))
        factors = factors / (factors * prior)[seen].sum()
    else:
        factors = torch.ones_like(prior)
    return torch.where(seen, factors, 1.0).float()


def class_margins(prior: Tensor) -> Tensor:
    """Margins of LDAM: C / n^(1/4) of n cells, the largest 0.5 (Cao 2019, section 3.3).

    prior: float32 [C], how often the training sees each class; returns float32 [C]. A
    class that is never seen has the margin of the rarest one.
    """
    rarest = prior[prior > 0].min()
    return LARGEST_MARGIN * (rarest / prior.clamp(min=rarest)) ** 0.25


def make_unit_head(head: nn.Module) -> None:
    """Let a last layer answer with the cosine of feature and class, times LDAM's scale.

    Raises StudyError where it is no linear layer.
    """
    if not isinstance(head, nn.Linear):
        raise StudyError(
            f"the loss ldam needs a linear last layer, and this network's is "
            f"{type(head).__name__}; leave ldam out of this classifier's balancers"
        )
    head.register_forward_hook(_answer_by_cosine)


def _answer_by_cosine(head: nn.Linear, inputs: tuple[Tensor], _: Tensor) -> Tensor:
    feature, weight = (functional.normalize(t) for t in (inputs[0], head.weight))
    return LDAM_SCALE * functional.linear(feature, weight)


def logit_offset(prior: Tensor, adjustment: float) -> Tensor:
    """What post-hoc adjustment takes from the logits (Menon 2021, equation 9): [C].

    Trained on rare and common classes as they come, a classifier then answers as if
    all were equally common. A class that was never seen keeps its logit.
    """
    return adjustment * torch.where(prior > 0, prior.log(), torch.zeros_like(prior))
