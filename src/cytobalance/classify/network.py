"""Networks as classifiers: a fixed number of steps over cells that sit in memory."""

import math
from abc import abstractmethod
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from cytobalance.balance.settings import Recipe
from cytobalance.classify.augmentation import augment_views
from cytobalance.classify.cells import Cells, draw_views, named_generator
from cytobalance.classify.classifier import Classifier, Curve
from cytobalance.classify.losses import cell_losses, logit_offset
from cytobalance.classify.settings import Network
from cytobalance.study.runtime import StudyError, derive_seed, show_progress

# Cells at a time where no gradient is kept.
SCORING_BATCH = 512
# What the post-hoc adjustment takes from the logits, among the weights of a file.
OFFSET = "logit_offset"


class NetworkClassifier(Classifier):
    """A network, its training and its use; a kind says how it is built and sees."""

    settings: Network

    def __init__(self, settings, classes, size, device):
        super().__init__(settings, classes, size, device)
        self.network: nn.Module | None = None  # until `fit` or `load_state`
        self.offset = torch.zeros(classes)

    @abstractmethod
    def build(self) -> nn.Module:
        """The untrained network: what `see` returns -> logits [N, classes]."""

    @abstractmethod
    def see(self, images: Tensor) -> Tensor:
        """Images float [N, 3, S, S] in 0..255, which it may change, as it sees them."""

    @abstractmethod
    def find_features(self, seen: Tensor) -> Tensor:
        """Features [N, F] of what `see` returned."""

    def fit(
        self, train: Cells, validation: Cells, recipe: Recipe, seed: int
    ) -> tuple[Curve, Tensor]:
        """AdamW, one-cycle learning rate, the same number of steps for every recipe.

        The weights kept are those of the epoch with the best balanced accuracy on the
        validation cells, the earliest of equals. First weights, order, mirroring,
        augmentation and dropout each draw from a stream of their own under `seed`.
        """
        settings = self.settings
        torch.manual_seed(derive_seed(seed, "weights"))
        self.network = self._place(self.build())
        torch.manual_seed(derive_seed(seed, "dropout"))  # draws from global streams
        count = settings.epochs * settings.iterations * settings.batch
        rows = draw_views(train, count, recipe.order, named_generator(seed, "order"))
        chance = torch.rand(count, generator=named_generator(seed, "mirror"))
        mirrored = (chance < 0.5) & settings.flip
        steps = list(
            zip(
                rows.view(-1, settings.batch).to(self.device),
                mirrored.view(-1, settings.batch, 1, 1, 1).to(self.device),
                strict=True,
            )
        )
        prior = train.prior(self.classes)
        self.offset = logit_offset(prior, recipe.post_adjustment)
        lesson = _Lesson(self, train, recipe, prior, seed, len(steps))

        curve, best, kept = [], -1.0, None
        epochs = range(settings.epochs)
        for epoch in show_progress(epochs, desc="epochs", unit="epoch"):
            start = epoch * settings.iterations
            row = lesson.run_epoch(steps[start : start + settings.iterations])
            checked, score = self._validate(validation)
            curve.append({"epoch": epoch + 1, **row, **checked})
            if not all(math.isfinite(value) for value in curve[-1].values()):
                raise StudyError(
                    f"training diverged in epoch {epoch + 1}; lower the classifier's "
                    "learning_rate, or set its precision to fp32"
                )
            if score > best:
                best = score
                kept = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.network.load_state_dict(kept)
        return curve, rows

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        self.network.eval()
        parts = []
        for batch in images.split(SCORING_BATCH):
            seen = self.see(to_float(batch.to(self.device)))
            with self.autocast():
                parts.append(self.network(seen).float())
        return torch.cat(parts).cpu() - self.offset

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """In float32, whatever the precision of the training."""
        self.network.eval()
        parts = []
        for batch in images.split(SCORING_BATCH):
            seen = self.see(to_float(batch.to(self.device)))
            parts.append(self.find_features(seen).float().cpu())
        return torch.cat(parts)

    def state(self) -> dict[str, Tensor]:
        weights = OrderedDict(
            (name, value.detach().cpu().contiguous().clone())
            for name, value in self.network.state_dict().items()
        )
        return OrderedDict(weights, **{OFFSET: self.offset})

    def load_state(self, state: dict[str, Tensor]) -> None:
        weights = dict(state)
        self.offset = weights.pop(OFFSET)
        self.network = self.build()
        self.network.load_state_dict(weights)
        self._place(self.network).eval().requires_grad_(False)

    def autocast(self):
        """bf16 where the settings ask for it, float32 otherwise."""
        wanted = self.settings.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=wanted)

    def _place(self, network: nn.Module) -> nn.Module:
        return network.to(self.device, memory_format=torch.channels_last)

    def _validate(self, cells: Cells) -> tuple[dict[str, float], float]:
        """Loss and accuracy on validation cells, and their balanced accuracy."""
        logits, labels = self.logits(cells.images), cells.labels.cpu()
        right = (logits.argmax(1) == labels).double()
        row = {
            "validation_loss": functional.cross_entropy(logits, labels).item(),
            "validation_accuracy": right.mean().item(),
        }
        return row, balanced_accuracy(right, labels)


class _Lesson:
    """The optimiser and the losses of one training."""

    def __init__(self, classifier, train, recipe, prior, seed: int, steps: int):
        settings, self.classifier = classifier.settings, classifier
        self.train, self.recipe = train, recipe
        self.prior = prior.to(classifier.device)
        weights = torch.where(train.synthetic, recipe.synthetic_weight, 1.0)
        self.weights = weights.float().to(classifier.device)
        self.stream = named_generator(seed, "augment")
        self.optimiser = torch.optim.AdamW(
            classifier.network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=settings.learning_rate, total_steps=steps + 1
        )

    def run_epoch(self, steps: list) -> dict[str, float]:
        """Train over `steps` (cells; mirrored or not); loss and accuracy on the way."""
        network = self.classifier.network.train()
        loss_sum, right = torch.zeros(2, device=self.classifier.device)
        for rows, mirrored in steps:
            images, labels = self.train.images[rows], self.train.labels[rows]
            seen = to_float(torch.where(mirrored, images.flip(2), images))
            if self.recipe.augment.active:
                seen = augment_views(seen, self.recipe.augment, self.stream)
            seen = self.classifier.see(seen)
            with self.classifier.autocast():
                logits = network(seen)
            loss = self._loss(logits, labels, rows)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.schedule.step()
            # Read once an epoch, so that a GPU never waits for the host.
            loss_sum += loss.detach()
            right += (logits.detach().argmax(1) == labels).float().mean()
        return {
            "train_loss": loss_sum.item() / len(steps),
            "train_accuracy": right.item() / len(steps),
        }

    def _loss(self, logits: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
        recipe = self.recipe
        losses = cell_losses(
            logits, labels, recipe.loss, self.prior, recipe.loss_adjustment
        )
        if recipe.synthetic_weight != 1:
            losses = losses * self.weights[rows]
        return losses.mean()


def to_float(images: Tensor) -> Tensor:
    """uint8 [N, S, S, 3] -> float32 [N, 3, S, S] in 0..255, channels last."""
    return images.permute(0, 3, 1, 2).float()


def balanced_accuracy(right: Tensor, labels: Tensor) -> float:
    """Mean over the classes present of the share found. right: float [N] of 0, 1."""
    right, labels = right.cpu(), labels.cpu()  # bincount adds in any order on a GPU
    counts = torch.bincount(labels)
    found = torch.bincount(labels, weights=right)
    return (found[counts > 0] / counts[counts > 0]).mean().item()
