"""Train one classifier: a fixed number of steps over cells that sit in memory."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from cytobalance.study.damage import damaged
from cytobalance.study.room import check_memory
from cytobalance.study.runtime import StudyError, derive_seed, show_progress
from cytobalance.study.settings import ClassifierGroup

# Cells at a time where no gradient is kept.
SCORING_BATCH = 512


@dataclass(frozen=True)
class Cells:
    """Cells ready for a network: images uint8 [N, S, S, 3], labels int64 [N]."""

    images: Tensor
    labels: Tensor
    weights: Tensor  # of sampling, float64 [N], on the CPU

    def __len__(self) -> int:
        return len(self.labels)


def to_network(images: Tensor) -> Tensor:
    """uint8 [N, S, S, 3] in 0..255 -> float [N, 3, S, S] in -1..1, channels last."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def train(
    network: nn.Module,
    cells: Cells,
    validation: Cells,
    settings: ClassifierGroup,
    seed: int,
) -> list[dict[str, float]]:
    """Fit `network` in place; return one row of the learning curve an epoch.

    Cross-entropy, AdamW, one-cycle learning rate. Every balancer gets the same number
    of steps. The weights kept are those of the epoch with the best balanced accuracy
    on the validation cells, the earliest of equals. Order, mirroring and dropout each
    draw from a stream of their own under `seed`.
    """
    torch.manual_seed(derive_seed(seed, "dropout"))  # it draws from the global streams
    count = settings.epochs * settings.iterations * settings.batch
    order = draw_order(cells.weights, count, named_generator(seed, "order"))
    chance = torch.rand(count, generator=named_generator(seed, "mirror"))
    mirror = (chance < 0.5) & settings.flip
    device = cells.images.device
    steps = list(
        zip(
            order.view(-1, settings.batch).to(device),
            mirror.view(-1, settings.batch, 1, 1, 1).to(device),
            strict=True,
        )
    )
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=settings.learning_rate, total_steps=len(steps) + 1
    )

    curve, best, kept = [], -1.0, None
    for epoch in show_progress(range(settings.epochs), desc="epochs", unit="epoch"):
        own = steps[epoch * settings.iterations : (epoch + 1) * settings.iterations]
        row = run_epoch(network, cells, own, optimiser, schedule, settings.precision)
        checked, score = validate(network, validation, settings.precision)
        curve.append({"epoch": epoch + 1, **row, **checked})
        if not all(math.isfinite(value) for value in curve[-1].values()):
            raise StudyError(
                f"training diverged in epoch {epoch + 1}; lower "
                "classifier.learning_rate, or set classifier.precision to fp32"
            )
        if score > best:
            best = score
            kept = {k: v.clone() for k, v in network.state_dict().items()}
    network.load_state_dict(kept)
    return curve


def named_generator(seed: int, name: str) -> torch.Generator:
    """PyTorch's generator, on the CPU, of the stream `name` under `seed`."""
    return torch.Generator().manual_seed(derive_seed(seed, name))


def run_epoch(
    network: nn.Module, cells: Cells, steps: list, optimiser, schedule, precision: str
) -> dict[str, float]:
    """Train over `steps` (cells; mirrored or not); loss and accuracy on the way."""
    network.train()
    device = cells.images.device
    loss_sum, right = torch.zeros(2, device=device)
    for chosen, mirrored in steps:
        images, labels = cells.images[chosen], cells.labels[chosen]
        images = torch.where(mirrored, images.flip(2), images)
        with autocast(device, precision):
            logits = network(to_network(images))
        loss = nn.functional.cross_entropy(logits.float(), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        # Read once an epoch, so that a GPU never waits for the host.
        loss_sum += loss.detach()
        right += (logits.detach().argmax(1) == labels).float().mean()
    return {
        "train_loss": loss_sum.item() / len(steps),
        "train_accuracy": right.item() / len(steps),
    }


def validate(
    network: nn.Module, cells: Cells, precision: str
) -> tuple[dict[str, float], float]:
    """Loss and accuracy on validation cells, and their balanced accuracy."""
    logits = predict_logits(network, cells.images, precision)
    right = (logits.argmax(1) == cells.labels).double()
    loss = nn.functional.cross_entropy(logits, cells.labels)
    row = {
        "validation_loss": loss.item(),
        "validation_accuracy": right.mean().item(),
    }
    return row, balanced_accuracy(right, cells.labels)


def draw_order(weights: Tensor, count: int, stream: torch.Generator) -> Tensor:
    """Cells of all steps, int64 [count]: shuffled rounds, or draws by unequal weights.

    weights: float64 [N]. Draws by weight are with replacement (weighted sampling).
    """
    if (weights == weights[0]).all():
        rounds = -(-count // len(weights))
        return torch.cat(
            [torch.randperm(len(weights), generator=stream) for _ in range(rounds)]
        )[:count]
    # Inverse of the cumulative weights: torch.multinomial ends at 2**24 cells.
    ends = weights.cumsum(0)
    draws = torch.rand(count, generator=stream, dtype=torch.float64) * ends[-1]
    return torch.searchsorted(ends, draws, right=True).clamp_(max=len(weights) - 1)


def autocast(device: torch.device, precision: str):
    """bf16 where the study asks for it, float32 otherwise."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


@torch.inference_mode()
def predict_logits(network: nn.Module, images: Tensor, precision: str) -> Tensor:
    """Logits float32 [N, classes] of uint8 [N, S, S, 3], in evaluation mode."""
    network.eval()
    parts = []
    for batch in images.split(SCORING_BATCH):
        batch = batch.to(next(network.parameters()).device)
        with autocast(batch.device, precision):
            parts.append(network(to_network(batch)).float())
    return torch.cat(parts)


def balanced_accuracy(right: Tensor, labels: Tensor) -> float:
    """Mean over the classes present of the share found. right: float [N] of 0, 1."""
    right, labels = right.cpu(), labels.cpu()  # bincount adds in any order on a GPU
    counts = torch.bincount(labels)
    found = torch.bincount(labels, weights=right)
    return (found[counts > 0] / counts[counts > 0]).mean().item()


def check_split(
    split: pd.DataFrame, cells: pd.DataFrame, synthetic: pd.DataFrame, path: Path
) -> None:
    """Refuse a split, read from `path`, of other cells than these two tables hold."""
    for origin, table in (("real", cells), ("synthetic", synthetic)):
        own = split[split["origin"] == origin]
        named = table["cell_id"].reindex(own["row"]).to_numpy()
        if not np.array_equal(named, own["cell_id"].to_numpy()):
            raise damaged(path, f"belongs to other {origin} cells")


def gather_cells(
    real: np.ndarray,
    synthetic: np.ndarray,
    split,
    classes: tuple[str, ...],
    device: torch.device,
) -> Cells:
    """The split's rows as tensors on `device`, in the split's order.

    real, synthetic: uint8 [., S, S, 3], memory-mapped; split: rows of a split table.
    """
    size = len(split) * int(np.prod(real.shape[1:]))
    check_memory(size, f"{len(split):,} cells", "generate.target or image.size")
    images = np.empty((len(split), *real.shape[1:]), np.uint8)
    origin, rows = split["origin"].to_numpy(str), split["row"].to_numpy(int)
    for name, source in (("real", real), ("synthetic", synthetic)):
        own = origin == name
        images[own] = source[rows[own]]
    index = {label: k for k, label in enumerate(classes)}
    labels = torch.tensor([index[label] for label in split["label"]], dtype=torch.long)
    weights = torch.tensor(split["weight"].to_numpy(float).copy())
    return Cells(torch.from_numpy(images).to(device), labels.to(device), weights)
