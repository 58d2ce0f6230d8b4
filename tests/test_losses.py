"""Losses of recipes against numbers computed by hand, and identities between them."""

import math

import pytest
import torch
from torch.nn import functional

from cytobalance.balance.settings import Recipe
from cytobalance.classify.losses import (
    cell_losses,
    class_factors,
    class_margins,
    logit_offset,
    make_unit_head,
)
from cytobalance.study.runtime import StudyError

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0], [0.0, 0.0, 3.0]])
LABELS = torch.tensor([0, 2, 1])
PRIOR = torch.tensor([0.6, 0.3, 0.1])
EVEN = torch.full((3,), 1 / 3)


def losses(loss: str, prior=PRIOR, cells=1_000, **parts) -> torch.Tensor:
    recipe = Recipe(loss=loss, **parts)
    factors = class_factors(recipe, prior, cells)
    return cell_losses(LOGITS, LABELS, recipe, prior, factors)


def test_cross_entropy_is_minus_the_log_of_the_probability_of_the_class():
    first = -math.log(math.exp(2) / (math.exp(2) + 1 + math.exp(-1)))
    assert losses("cross_entropy")[0].item() == pytest.approx(first)


def test_balanced_softmax_is_logit_adjusted_with_tau_1():
    assert torch.equal(losses("balanced_softmax"), losses("logit_adjusted"))
    other = losses("logit_adjusted", loss_adjustment=2.0)
    assert not torch.allclose(other, losses("balanced_softmax"))
    weighed = PRIOR * LOGITS[1].exp()
    wanted = -math.log(weighed[2] / weighed.sum())
    assert losses("balanced_softmax")[1].item() == pytest.approx(wanted)


@pytest.mark.parametrize(
    "loss", ["class_weights", "effective_number", "balanced_softmax", "logit_adjusted"]
)
def test_with_classes_seen_alike_a_loss_is_cross_entropy(loss):
    torch.testing.assert_close(losses(loss, EVEN), losses("cross_entropy"))


def test_class_weights_divide_by_how_often_a_class_is_seen():
    factors = torch.tensor([1 / 1.8, 1 / 0.3, 1 / 0.9])  # of classes 0, 2, 1
    torch.testing.assert_close(
        losses("class_weights"), losses("cross_entropy") * factors
    )


def test_effective_numbers_lie_between_no_weights_and_class_weights():
    recipe = Recipe(loss="effective_number", loss_beta=0.99)
    factors = class_factors(recipe, PRIOR, 100)
    raw = [0.01 / (1 - 0.99**n) for n in (60, 30, 10)]
    scale = sum(w * p for w, p in zip(raw, PRIOR.tolist(), strict=True))
    assert factors.tolist() == pytest.approx([w / scale for w in raw], rel=1e-5)
    weights = class_factors(Recipe(loss="class_weights"), PRIOR, 100)
    assert 1 < factors[2] / factors[0] < weights[2] / weights[0]
    many = Recipe(loss="effective_number", loss_beta=1 - 1e-9)
    torch.testing.assert_close(class_factors(many, PRIOR, 100), weights)


def test_focal_loss_turns_to_what_is_still_wrong():
    plain = losses("cross_entropy")
    torch.testing.assert_close(losses("focal", loss_gamma=0.0), plain)
    p = (-plain).exp()
    torch.testing.assert_close(losses("focal"), (1 - p) ** 2 * plain)


def test_ldam_asks_more_of_a_rare_class():
    # C / n^(1/4) of 60, 30 and 10 cells, 0.5 for the last.
    margins = [0.5 * (10 / n) ** 0.25 for n in (60, 30, 10)]
    assert class_margins(PRIOR).tolist() == pytest.approx(margins)
    lowered = LOGITS.clone()
    lowered[1, 2] -= 30 * 0.5
    wanted = -lowered[1].log_softmax(0)[2]
    torch.testing.assert_close(losses("ldam")[1], wanted)
    factors = class_factors(Recipe(loss="effective_number"), PRIOR, 1_000)
    late = losses("ldam", loss_from=0.8)
    torch.testing.assert_close(late, losses("ldam") * factors[LABELS])


def test_a_part_that_no_loss_reads_is_refused():
    assert Recipe(loss="ldam", loss_from=0.8, loss_beta=0.9).weighs
    for parts in ({"loss": "ldam"}, {"loss": "focal"}, {}):
        with pytest.raises(ValueError, match="loss_beta needs the loss"):
            Recipe(loss_beta=0.9, **parts)


def test_a_unit_head_answers_with_cosines_and_is_linear():
    head = torch.nn.Linear(4, 3)
    make_unit_head(head)
    answers = head(5 * head.weight.detach())
    torch.testing.assert_close(answers.diag(), torch.full((3,), 30.0))
    assert answers.abs().max() < 30.001
    with pytest.raises(StudyError, match=r"linear last layer.*Conv2d"):
        make_unit_head(torch.nn.Conv2d(4, 3, 1))


def test_with_two_classes_cross_entropy_is_binary_cross_entropy():
    # Of the difference of the logits, as a network with one output gives it.
    logits, labels = LOGITS[:, :2], torch.tensor([0, 1, 1])
    none = torch.ones(2) / 2
    ours = cell_losses(logits, labels, Recipe(), none, none)
    one = logits[:, 1] - logits[:, 0]
    binary = functional.binary_cross_entropy_with_logits(
        one, labels.float(), reduction="none"
    )
    torch.testing.assert_close(ours, binary)
    torch.testing.assert_close(logits.softmax(1)[:, 1], one.sigmoid())


def test_a_class_that_is_never_seen_has_no_part_and_breaks_nothing():
    prior = torch.tensor([0.9, 0.1, 0.0])
    labels = torch.tensor([0, 1, 1])
    for loss in ("class_weights", "effective_number", "balanced_softmax"):
        recipe = Recipe(loss=loss)
        factors = class_factors(recipe, prior, 100)
        assert cell_losses(LOGITS, labels, recipe, prior, factors).isfinite().all()
    assert logit_offset(prior, 1.0)[2] == 0


def test_adjustment_after_training_turns_an_answer_as_computed():
    logits = torch.tensor([1.0, 0.5, 0.0])
    adjusted = logits - logit_offset(PRIOR, 1.0)
    assert adjusted.tolist() == pytest.approx(
        [1 - math.log(0.6), 0.5 - math.log(0.3), -math.log(0.1)]
    )
    assert logits.argmax() == 0 and adjusted.argmax() == 2
    assert torch.equal(logit_offset(PRIOR, 0.0), torch.zeros(3))
