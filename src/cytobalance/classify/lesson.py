"""The training of a network: its phases, its steps, and the epoch that is kept."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cytobalance.balance.settings import Recipe
from cytobalance.classify.augmentation import augment_views
from cytobalance.classify.cells import (
    Cells,
    draw_order,
    draw_views,
    even_weights,
    named_generator,
    to_float,
)
from cytobalance.classify.losses import cell_losses, class_factors
from cytobalance.classify.mixing import Mixer
from cytobalance.classify.settings import Network
from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import StudyError, derive_seed

# Rows and whether they are mirrored, and with a mix the partners and their parts.
Step = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Phase:
    """Epochs at one rate. retrains: of a new last layer, on even draws."""

    epochs: int
    rate: float
    head_only: bool = False
    retrains: bool = False


def plan_phases(settings: Network, recipe: Recipe) -> list[Phase]:
    """What is trained after what; as many epochs for every recipe.

    The epochs of `head_retraining` are the last of all.
    """
    again = recipe.head_retraining
    head_rate = settings.head_learning_rate or settings.learning_rate
    head = min(settings.head_epochs, settings.head_epochs + settings.epochs - again)
    phases = [
        Phase(head, head_rate, head_only=True),
        Phase(max(settings.epochs - again, 0), settings.learning_rate),
        Phase(again, settings.learning_rate, head_only=True, retrains=True),
    ]
    return [phase for phase in phases if phase.epochs]


class Lesson:
    """One training of `classifier.network` on `train`, as a recipe has it."""

    def __init__(self, classifier, train: Cells, recipe: Recipe, seed: int):
        self.classifier, self.settings = classifier, classifier.settings
        self.train, self.recipe, self.seed = train, recipe, seed
        self.phases = plan_phases(self.settings, recipe)
        self.mixer: Mixer | None = None
        self.average: AveragedModel | None = None
        self.learnable = [p for p in classifier.network.parameters() if p.requires_grad]
        self.steps = self._plan_steps()
        weights = torch.where(train.synthetic, recipe.synthetic_weight, 1.0)
        self.weights = weights.float().to(classifier.device)
        self.stream = named_generator(seed, "augment")
        self.done = 0  # steps, of all that were planned

    def run(self, validation: Cells) -> tuple[list[dict[str, float]], Tensor]:
        """Train through all phases; the learning curve, and the rows that were shown.

        Kept are the weights of the epoch with the best balanced accuracy on the
        validation cells, the earliest of equals; each phase starts from those before
        it, and a retraining of the last layer keeps one of its epochs. Raises
        StudyError where the numbers run away.
        """
        network = self.classifier.network
        curve, shown = [], []
        first, best, kept = 0, -1.0, network.state_dict()
        for phase in self.phases:
            steps = self.steps[first : first + phase.epochs * self.settings.iterations]
            self._begin(phase, len(steps))
            self.done, idle = first, 0
            best = -1.0 if phase.retrains else best
            epochs = show_progress(range(phase.epochs), desc="training", unit="epochs")
            for epoch in epochs:
                start = epoch * self.settings.iterations
                part = steps[start : start + self.settings.iterations]
                row = self.run_epoch(part, phase.head_only)
                answering = self.average.module if self.average else network
                checked, score = self.classifier.validate(answering, validation)
                curve.append({"epoch": len(curve) + 1, **row, **checked})
                _check_finite(curve[-1])
                epochs.set_postfix_str(_describe(curve[-1]))
                shown += part
                idle += 1
                if score > best:
                    best, idle = score, 0
                    kept = {k: v.clone() for k, v in answering.state_dict().items()}
                if self.settings.patience and idle >= self.settings.patience:
                    break
            network.load_state_dict(kept)
            first += len(steps)
        # A mixed view shows two cells: both count.
        rows = [step[0] for step in shown] + [step[2] for step in shown if step[2:]]
        return curve, torch.cat(rows).cpu()

    def run_epoch(self, steps: list[Step], head_only: bool) -> dict[str, float]:
        """Train over `steps`; loss and accuracy on the way."""
        network = self.classifier.network.train()
        if head_only:  # frozen layers normalise as they learned to
            for module in network.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        loss_sum, right = torch.zeros(2, device=self.classifier.device)
        for step in steps:
            logits, loss = self._look(network, *step)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.schedule.step()
            if self.average:
                self.average.update_parameters(network)
            self.done += 1
            # Read once an epoch, so that a GPU never waits for the host.
            loss_sum += loss.detach()
            labels = self.train.labels[step[0]]
            right += (logits.detach().argmax(1) == labels).float().mean()
        return {
            "train_loss": loss_sum.item() / len(steps),
            "train_accuracy": right.item() / len(steps),
        }

    def _look(self, network, rows, mirrored, partners=None, parts=None):
        """Logits of one batch, and its loss."""
        seen = self._show(rows, mirrored)
        if partners is not None:
            other = self._show(partners, mirrored)
            seen, parts = self.mixer.apply(seen, other, parts)
        seen = self.classifier.see(seen)
        with self.classifier.autocast():
            logits = network(seen)
        losses = self._losses(logits, rows)
        if partners is not None:
            losses = losses.lerp(self._losses(logits, partners), parts)
        return logits, losses.mean()

    def _show(self, rows: Tensor, mirrored: Tensor) -> Tensor:
        images = self.train.images[rows]
        seen = to_float(torch.where(mirrored, images.flip(2), images))
        if self.recipe.augment.active:
            seen = augment_views(seen, self.recipe.augment, self.stream)
        return seen

    def _losses(self, logits: Tensor, rows: Tensor) -> Tensor:
        recipe = self.recipe
        if self.done < recipe.loss_from * len(self.steps):
            recipe = recipe.early
        labels = self.train.labels[rows]
        losses = cell_losses(logits, labels, recipe, self.prior, self.factors)
        if self.recipe.synthetic_weight != 1:
            losses = losses * self.weights[rows]
        return losses

    def _begin(self, phase: Phase, steps: int) -> None:
        """Optimiser, rates and losses of a phase; what learns in it."""
        classifier, settings, recipe = self.classifier, self.settings, self.recipe
        head = classifier.head()
        if phase.retrains:
            torch.manual_seed(derive_seed(self.seed, "new head"))
            for module in head.modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
        for parameter in self.learnable:
            parameter.requires_grad_(not phase.head_only)
        head.requires_grad_(True)
        learning = [p for p in classifier.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            learning, lr=phase.rate, weight_decay=settings.weight_decay, fused=True
        )
        self.schedule = _schedule(settings, self.optimiser, phase.rate, steps)
        prior = self.train.prior(classifier.classes)
        if phase.retrains:
            prior = (prior > 0) / (prior > 0).sum()
        factors = class_factors(recipe, prior, len(self.train))
        self.prior, self.factors = (t.to(classifier.device) for t in (prior, factors))
        if recipe.ema:
            mean = get_ema_multi_avg_fn(recipe.ema)
            self.average = AveragedModel(
                classifier.network, multi_avg_fn=mean, use_buffers=True
            )

    def _plan_steps(self) -> list[Step]:
        """The views of every step of every phase."""
        settings, recipe, seed = self.settings, self.recipe, self.seed
        each = settings.iterations * settings.batch
        again = recipe.head_retraining * each
        count = sum(phase.epochs for phase in self.phases) * each
        stream = named_generator(seed, "order")
        rows = draw_views(self.train, count - again, recipe.order, stream)
        if again:
            stream = named_generator(seed, "retraining")
            even = draw_order(even_weights(self.train), again, stream)
            rows = torch.cat([rows, even])
        chance = torch.rand(count, generator=named_generator(seed, "mirror"))
        mirrored = (chance < 0.5) & settings.flip
        views: list[Iterable[Tensor]] = [
            rows.view(-1, settings.batch).to(self.classifier.device),
            mirrored.view(-1, settings.batch, 1, 1, 1).to(self.classifier.device),
        ]
        if recipe.mix:
            self.mixer = Mixer(recipe.mix, self.train, count, seed)
            partners = self.mixer.partners.view(-1, settings.batch)
            views.append(partners.to(self.classifier.device))
            views.append(self.mixer.parts.view(-1, settings.batch))
        return list(zip(*views, strict=True))


def _schedule(settings: Network, optimiser, rate: float, steps: int):
    if settings.schedule == "one_cycle":
        return torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rate, total_steps=steps + 1, pct_start=settings.warm_up
        )
    rise = max(1, round(settings.warm_up * steps))
    return torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / rise)
    )


def _check_finite(row: dict[str, float]) -> None:
    if not all(math.isfinite(value) for value in row.values()):
        raise StudyError(
            f"training diverged in epoch {row['epoch']}; lower the classifier's "
            "learning_rate, or set its precision to fp32"
        )


def _describe(row: dict[str, float]) -> str:
    """Losses of an epoch, for the progress bar."""
    return (
        f"loss {row['train_loss']:.3g}, validation loss {row['validation_loss']:.3g}, "
        f"validation accuracy {row['validation_accuracy']:.3f}"
    )
