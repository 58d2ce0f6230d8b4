"""The one training loop of all GANs: teach the networks, average G, log, save."""

import copy
import math
import time
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from cytobalance.gan.batches import Batches
from cytobalance.groups import GanGroup
from cytobalance.runtime import StudyError, atomic_file, show_progress

# Rows of the table of losses, at most; reading a loss waits for the device.
LOG_ROWS = 200
# Between saved states; a killed run goes on from the last.
SAVE_SECONDS = 120


class Training:
    """A GAN in training: optimisers, the moving average of G, logged losses."""

    def __init__(self, model: nn.Module, settings: GanGroup, fabric: Fabric):
        self.model = model.to(fabric.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model.generator).requires_grad_(False)
        self.settings = settings
        self.fabric = fabric
        self.optimisers = {
            student: torch.optim.Adam(
                getattr(model, student).parameters(),
                lr=settings.learning_rate,
                betas=settings.betas,
                fused=True,
            )
            for student in model.students
        }
        self.iteration = 0
        self.losses: list[dict[str, float]] = []

    def run_iteration(self, batches: Batches) -> dict[str, Tensor]:
        """Teach every student its steps; the losses of the last step of each."""
        numbers = {}
        for student, steps in self.model.students.items():
            for step in range(steps):
                batch = batches.draw(self.iteration, student, step)
                numbers |= self._teach(student, batch)
        self.iteration += 1
        self._update_average()
        return numbers

    def _teach(self, student: str, batch) -> dict[str, Tensor]:
        for name in self.model.students:
            getattr(self.model, name).requires_grad_(name == student)
        with self.fabric.autocast():
            loss, numbers = getattr(self.model, f"{student}_loss")(batch)
        self.optimisers[student].zero_grad()
        loss.backward()
        average_gradients(getattr(self.model, student), self.fabric)
        self.optimisers[student].step()
        return {name: value.detach() for name, value in numbers.items()}

    @torch.no_grad()
    def _update_average(self) -> None:
        # Short at first, so that the average forgets the untrained network.
        keep = min(self.settings.ema, self.iteration / (10 + self.iteration))
        torch._foreach_lerp_(
            list(self.average.parameters()),
            list(self.model.generator.parameters()),
            1 - keep,
        )

    def log(self, numbers: dict[str, Tensor]) -> None:
        """Keep one row of losses; StudyError where one is no longer finite."""
        names = list(numbers)
        values = torch.stack([numbers[name].float() for name in names]).tolist()
        row = dict(zip(names, values, strict=True))
        broken = [name for name, value in row.items() if not math.isfinite(value)]
        if broken:
            raise StudyError(
                f"training diverged at iteration {self.iteration} ({broken[0]} is not "
                "finite); lower gan.learning_rate, or set gan.precision to fp32"
            )
        self.losses.append({"iteration": self.iteration, **row})

    def save(self, path: Path) -> None:
        """Write all that is needed to go on, atomically; rank 0 writes."""
        if self.fabric.global_rank:
            return
        state = {
            "iteration": self.iteration,
            "losses": self.losses,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": {n: o.state_dict() for n, o in self.optimisers.items()},
        }
        with atomic_file(path) as partial:
            torch.save(state, partial)

    def load(self, path: Path) -> None:
        """Go on from a state that `save` wrote."""
        state = torch.load(path, map_location=self.fabric.device, weights_only=True)
        self.iteration = state["iteration"]
        self.losses = state["losses"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])


def average_gradients(network: nn.Module, fabric: Fabric) -> None:
    """Mean of the gradients over processes, in one message.

    Losses are means over equal shares, so this gives the joined batch's gradients,
    the penalty's included.
    """
    if fabric.world_size == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    joined = torch.cat([gradient.flatten() for gradient in gradients])
    flat = fabric.all_reduce(joined, reduce_op="mean")
    for gradient, part in zip(
        gradients, flat.split([g.numel() for g in gradients]), strict=True
    ):
        gradient.copy_(part.view_as(gradient))


def train_gan(training: Training, batches: Batches, state_file: Path) -> None:
    """Train to `settings.iterations`; go on from `state_file` where it exists.

    The state is saved every SAVE_SECONDS. A killed run started again ends with the
    same weights, bit for bit on a CPU.
    """
    total = training.settings.iterations
    if state_file.exists():
        training.load(state_file)
        print(f"going on from iteration {training.iteration} of {total}")
    every = max(1, math.ceil(total / LOG_ROWS))
    saved = time.monotonic()
    steps = show_progress(range(training.iteration, total), total, "GAN", "iteration")
    for _ in steps:
        numbers = training.run_iteration(batches)
        if training.iteration % every == 0 or training.iteration == total:
            training.log(numbers)
        if time.monotonic() - saved > SAVE_SECONDS:
            training.save(state_file)
            saved = time.monotonic()
