"""Networks as classifiers: how they start, see, answer and are saved."""

from abc import abstractmethod
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from cytobalance.balance.settings import Recipe
from cytobalance.classify.cells import Cells, to_float
from cytobalance.classify.classifier import Classifier, Curve
from cytobalance.classify.lesson import Lesson
from cytobalance.classify.losses import logit_offset, make_unit_head
from cytobalance.classify.settings import Network
from cytobalance.study.runtime import derive_seed

# Cells at a time where no gradient is kept.
SCORING_BATCH = 512
# What the post-hoc adjustment takes from the logits, among the weights of a file.
OFFSET = "logit_offset"
# Whether the last layer answers with cosines, among them too.
UNIT_HEAD = "unit_head"


class NetworkClassifier(Classifier):
    """A network, its training and its use; a kind says how it is built and sees."""

    settings: Network

    def __init__(self, settings, classes, size, device):
        super().__init__(settings, classes, size, device)
        self.network: nn.Module | None = None  # until `fit` or `load_state`
        self.offset = torch.zeros(classes)
        self.unit_head = False

    @abstractmethod
    def build(self) -> nn.Module:
        """The untrained network: what `see` returns -> logits [N, classes]."""

    @abstractmethod
    def see(self, images: Tensor) -> Tensor:
        """Images float [N, 3, S, S] in 0..255, which it may change, as it sees them."""

    @abstractmethod
    def find_features(self, seen: Tensor) -> Tensor:
        """Features [N, F] of what `see` returned."""

    @abstractmethod
    def maps(self, seen: Tensor) -> Tensor:
        """Feature maps [N, C, h, w] of what `see` returned, the last before they are
        pooled; a network without maps returns another shape."""

    @abstractmethod
    def head(self) -> nn.Module:
        """The last layer of `network`."""

    def start(self) -> nn.Module:
        """The network with its first weights, drawn by PyTorch's global stream."""
        return self.build()

    def fit(
        self, train: Cells, validation: Cells, recipe: Recipe, seed: int
    ) -> tuple[Curve, Tensor]:
        """AdamW, the same number of steps for every recipe (`patience` ends earlier).

        First weights, order, mirroring, augmentation, mixing and dropout each draw
        from a stream of their own under `seed`.
        """
        torch.manual_seed(derive_seed(seed, "weights"))
        self.network = self._place(self.start())
        self._choose_head(recipe.loss == "ldam")
        torch.manual_seed(derive_seed(seed, "dropout"))  # draws from global streams
        prior = train.prior(self.classes)
        self.offset = logit_offset(prior, recipe.post_adjustment)
        return Lesson(self, train, recipe, seed).run(validation)

    def logits(self, images: Tensor) -> Tensor:
        return self._logits_of(self.network, images)

    @torch.inference_mode()
    def _logits_of(self, network: nn.Module, images: Tensor) -> Tensor:
        network.eval()
        parts = []
        for batch in images.split(SCORING_BATCH):
            seen = self.see(to_float(batch.to(self.device)))
            with self.autocast():
                parts.append(network(seen).float())
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
        flag = {UNIT_HEAD: torch.tensor(True)} if self.unit_head else {}
        return OrderedDict(weights, **{OFFSET: self.offset}, **flag)

    def load_state(self, state: dict[str, Tensor]) -> None:
        weights = dict(state)
        self.offset = weights.pop(OFFSET)
        self.network = self.build()
        self._choose_head(bool(weights.pop(UNIT_HEAD, False)))
        self.network.load_state_dict(weights)
        self._place(self.network).eval().requires_grad_(False)

    def autocast(self):
        """bf16 where the settings ask for it, float32 otherwise."""
        wanted = self.settings.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=wanted)

    def _choose_head(self, unit: bool) -> None:
        """Make the last layer of `network` one of cosines, where the loss needs it."""
        self.unit_head = unit
        if unit:
            make_unit_head(self.head())

    def _place(self, network: nn.Module) -> nn.Module:
        return network.to(self.device, memory_format=torch.channels_last)

    def validate(
        self, network: nn.Module, cells: Cells
    ) -> tuple[dict[str, float], float]:
        """Loss and accuracy on validation cells, and their balanced accuracy.

        network: this one, or one like it that answers in its place.
        """
        logits, labels = self._logits_of(network, cells.images), cells.labels.cpu()
        right = (logits.argmax(1) == labels).double()
        row = {
            "validation_loss": functional.cross_entropy(logits, labels).item(),
            "validation_accuracy": right.mean().item(),
        }
        return row, balanced_accuracy(right, labels)


def balanced_accuracy(right: Tensor, labels: Tensor) -> float:
    """Mean over the classes present of the share found. right: float [N] of 0, 1."""
    right, labels = right.cpu(), labels.cpu()  # bincount adds in any order on a GPU
    counts = torch.bincount(labels)
    found = torch.bincount(labels, weights=right)
    return (found[counts > 0] / counts[counts > 0]).mean().item()
