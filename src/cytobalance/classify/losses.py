"""Losses of a classifier that know how often each class is seen."""

import torch
from torch import Tensor
from torch.nn import functional


def cell_losses(
    logits: Tensor, labels: Tensor, loss: str, prior: Tensor, adjustment: float
) -> Tensor:
    """Loss of each cell: float32 [N].

    logits: [N, C]; labels: int64 [N]; prior: float32 [C], how often the training sees
    each class, sum 1. With f the logits and y the class:

    cross_entropy     -log softmax(f)_y
    class_weights     the same / (C prior_y)
    balanced_softmax  -log softmax(f + log prior)_y            Ren 2020, equation 3
    logit_adjusted    -log softmax(f + tau log prior)_y        Menon 2021, equation 10

    A class that the training never sees has no part in the last two.
    """
    logits = logits.float()
    tau = {"balanced_softmax": 1.0, "logit_adjusted": adjustment}.get(loss, 0.0)
    if tau:
        logits = logits + tau * prior.log()
    losses = functional.cross_entropy(logits, labels, reduction="none")
    if loss == "class_weights":
        losses = losses / (len(prior) * prior[labels])
    return losses


def logit_offset(prior: Tensor, adjustment: float) -> Tensor:
    """What post-hoc adjustment takes from the logits (Menon 2021, equation 9): [C].

    Trained on rare and common classes as they come, a classifier then answers as if
    all were equally common. A class that was never seen keeps its logit.
    """
    return adjustment * torch.where(prior > 0, prior.log(), torch.zeros_like(prior))
