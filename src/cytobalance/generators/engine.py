"""The one training loop of all GANs: teach the networks, average G, log, save."""

import copy
import math
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from cytobalance.generators.batches import Batch, Batches
from cytobalance.generators.generation import to_pixels
from cytobalance.generators.processes import (
    Processes,
    average_gradients,
    check_agreement,
)
from cytobalance.generators.protocol import Model
from cytobalance.generators.registry import drop_teachers
from cytobalance.generators.settings import GeneratorSettings
from cytobalance.generators.states import read_state, write_state
from cytobalance.generators.warm_start import WarmStart
from cytobalance.study.cost import remark
from cytobalance.study.progress import show_progress
from cytobalance.study.runtime import StudyError, derive_seed

# Iterations between rows of the table of losses; reading a loss waits for the device.
LOG_EVERY = 10
# Between saved states; a killed run goes on from the last.
SAVE_SECONDS = 120
# The fixed latents of each class are drawn after this many iterations, and whenever
# these have doubled.
FIRST_DRAWING = 25
LATENTS = 4
# G has collapsed where, in that many rows of losses, its cells of some class differ by
# less than this (grey levels, standard deviation of a pixel); early on they may.
COLLAPSED, COLLAPSED_ROWS, YOUNG_ROWS = 0.5, 5, 40
# Of a training's state, what is saved as it is.
PLAIN_STATE = "iteration", "numbers", "losses", "drawings"


class Training:
    """A GAN in training: optimisers, the moving average of G, losses, drawings."""

    def __init__(
        self,
        model: Model,
        classes: tuple[str, ...],
        settings: GeneratorSettings,
        seed: int,
        processes: Processes,
    ):
        self.model = model.to(processes.device, memory_format=torch.channels_last)
        # What makes the cells: the model without what only teaches, G averaged.
        self.average = drop_teachers(copy.deepcopy(self.model)).eval()
        self.average.requires_grad_(False)
        self.classes, self.settings, self.processes = classes, settings, processes
        self.optimisers = {
            student: torch.optim.Adam(
                getattr(model, student).parameters(),
                lr=settings.learning_rate,
                betas=settings.betas,
                fused=True,
            )
            for student in model.students
        }
        random = torch.Generator().manual_seed(derive_seed(seed, "drawing"))
        shape = len(classes), LATENTS, settings.latent
        self.latents = torch.randn(shape, generator=random).to(processes.device)
        self.iteration = 0
        # The last value of every loss: by class where each has a GAN, else by None.
        self.numbers: dict[int | None, dict[str, Tensor]] = {}
        self.saved: int | None = None  # the iteration whose state is on disk
        self.losses: list[dict[str, float]] = []
        self.drawings: dict[int, Tensor] = {}

    def start_warm(self, batches: Batches) -> None:
        """Let G learn from real cells, and the others beside it, before they teach G.

        Its average starts from there.
        """
        count, steps = len(self.classes), self.settings.warm_start
        start = WarmStart(self.model, count, self.settings, batches, self.processes)
        loss = torch.zeros(())
        for step in show_progress(range(steps), desc="warm start", unit="steps"):
            for student in self.model.students:
                if student == "generator":
                    loss = start.teach(step)
                else:
                    turn = step if self.model.one_class else None
                    self.teach(student, batches.draw(f"warm {student}", step, turn))
        self.average.generator.load_state_dict(self.model.generator.state_dict())
        print(f"warm start: {steps} steps, mean squared difference {loss.item():.4f}")

    def run_iteration(self, batches: Batches) -> None:
        """Teach every student its steps."""
        iteration = self.iteration if self.model.one_class else None
        for student, steps in self.model.students.items():
            for step in range(self.iteration * steps, (self.iteration + 1) * steps):
                batch = batches.draw(student, step, iteration)
                latest = self.numbers.setdefault(batch.one_label, {})
                latest |= self.teach(student, batch)
        self.iteration += 1
        taught = self.iteration
        if self.model.one_class:  # iterations of the class that was taught
            taught = math.ceil(self.iteration / len(batches.present))
        self._update_average(taught)

    def teach(self, student: str, batch: Batch) -> dict[str, Tensor]:
        """One step of one network on one batch; its losses."""
        for name in self.model.students:
            getattr(self.model, name).requires_grad_(name == student)
        with self.processes.autocast():
            loss, numbers = self.model.loss(student, batch)
        self.optimisers[student].zero_grad()
        loss.backward()
        average_gradients(getattr(self.model, student), self.processes)
        self.optimisers[student].step()
        return {name: value.detach() for name, value in numbers.items()}

    @torch.no_grad()
    def _update_average(self, taught: int) -> None:
        """Move the average of the weights that learned in this iteration.

        taught: iterations that they have learned in. Where each class has its own GAN
        the others have no gradient, and their averages stand still with them.
        """
        # Short at first, so that the average forgets the untrained network.
        keep = min(self.settings.ema, taught / (10 + taught))
        network = self.model.generator
        average = self.average.generator
        pairs = zip(average.parameters(), network.parameters(), strict=True)
        moved = [(mean, new) for mean, new in pairs if new.grad is not None]
        torch._foreach_lerp_(*map(list, zip(*moved, strict=True)), 1 - keep)
        for mean, new in zip(average.buffers(), network.buffers(), strict=True):
            mean.copy_(new)  # a norm's running statistics are averages already

    def log(self) -> dict[str, float]:
        """Keep one row of losses, means over processes; returns it.

        Where each class has its own GAN, means over classes too. Raises StudyError
        where a loss or a weight is no longer finite, or G has collapsed.
        """
        values: dict[str, list[Tensor]] = {}
        for latest in self.numbers.values():
            for name, value in latest.items():
                values.setdefault(name, []).append(value.float())
        means = torch.stack([torch.stack(v).mean() for v in values.values()])
        means = self.processes.mean(means).tolist()
        row = dict(zip(values, means, strict=True))
        if broken := [name for name, value in row.items() if not math.isfinite(value)]:
            self._stop_diverged(broken[0])
        weights = [*self.model.parameters(), *self.average.parameters()]
        largest = torch._foreach_norm([w.detach() for w in weights], math.inf)
        if not torch.stack(largest).isfinite().all():
            self._stop_diverged("a weight")
        spreads = self.draw_latents().float().std(1).mean((1, 2, 3))
        row["spread"] = spreads.min().item()
        self.losses.append({"iteration": self.iteration, **row})
        last = self._grown_rows()[-COLLAPSED_ROWS:]
        if len(last) == COLLAPSED_ROWS and all(map(_looks_alike, last)):
            self._stop(
                f"the generator collapsed (its {self.classes[spreads.argmin()]} cells "
                "all look the same)",
                "lower gan.learning_rate, or take more gan.critic_steps",
            )
        return row

    def _grown_rows(self) -> list[dict[str, float]]:
        """Rows of losses of a generator that has had time to tell cells apart."""
        classes = len(self.classes) if self.model.one_class else 1
        return self.losses[YOUNG_ROWS * classes :]

    def _stop_diverged(self, what: str) -> None:
        self._stop(
            f"training diverged ({what} is not finite)",
            "lower gan.learning_rate, or set gan.precision to fp32",
        )

    def _stop(self, what: str, advice: str) -> None:
        kept = "it was too young to have a saved state"
        if self.saved is not None:
            kept = (
                f"the state of iteration {self.saved} is kept: a training of "
                f"{self.saved} gan.iterations (in `gans`, for this GAN alone) ends "
                "with it"
            )
        raise StudyError(f"{what} at iteration {self.iteration}; {advice}; {kept}")

    @torch.no_grad()
    def draw_latents(self) -> Tensor:
        """Cells of the averaged G: uint8 [classes, LATENTS, S, S, 3]."""
        z = self.latents.flatten(0, 1)
        y = torch.arange(len(self.classes), device=z.device).repeat_interleave(LATENTS)
        # A GAN of a class each makes cells of one class at a time.
        count = LATENTS if self.model.one_class else len(z)
        with self.processes.autocast():
            parts = zip(z.split(count), y.split(count), strict=True)
            made = [self.average.sample(*part) for part in parts]
        return to_pixels(torch.cat(made)).unflatten(0, self.latents.shape[:2])

    def save(self, path: Path) -> None:
        """Write all that is needed to go on, after `log`; rank 0 writes.

        A state whose generator may just be collapsing is not written. Raises StudyError
        where it can't be written, on a full disk say; the state before then stays.
        """
        if any(map(_looks_alike, self._grown_rows()[-1:])):
            return
        if self.processes.rank == 0:
            state = {name: getattr(self, name) for name in PLAIN_STATE}
            state |= {name: part.state_dict() for name, part in self._parts().items()}
            try:
                write_state(path, state)
            except OSError as error:
                self._stop(
                    f"{path}: the state can't be written ({error.strerror})",
                    "make room and start again",
                )
        self.saved = self.iteration

    def load(self, path: Path) -> None:
        """Go on from a state that `save` wrote; StudyError where it is damaged."""
        with read_state(path, self.processes.device) as state:
            for name in PLAIN_STATE:
                setattr(self, name, state[name])
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
        self.saved = self.iteration

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """What has a state of its own."""
        optimisers = {f"optimiser of {n}": o for n, o in self.optimisers.items()}
        return {"model": self.model, "average": self.average, **optimisers}


def _looks_alike(row: dict[str, float]) -> bool:
    return row["spread"] < COLLAPSED


def train_gan(training: Training, batches: Batches, state_file: Path) -> None:
    """Train to `settings.iterations`; go on from `state_file` where it exists.

    The state is saved every SAVE_SECONDS, after a look at the losses. A killed run
    started again ends with the same weights, bit for bit on a CPU.
    """
    total = training.settings.iterations
    if state_file.exists():
        training.load(state_file)
        print(f"going on from iteration {training.iteration} of {total}")
        remark(f"without the first {training.iteration} of {total} iterations")
        if training.iteration > total:
            raise StudyError(
                f"gan.iterations is {total}, but an unfinished training of the same "
                f"settings is further; raise it, or delete {state_file} to start anew"
            )
    elif training.settings.warm_start:
        training.start_warm(batches)
    # The file's name tells settings and cells.
    check_agreement(training.processes, state_file.name, training.iteration)
    saved = time.monotonic()
    steps = show_progress(
        range(training.iteration, total),
        total,
        desc="training the GAN",
        unit="iterations",
        initial=training.iteration,
    )
    for _ in steps:
        training.run_iteration(batches)
        done = training.iteration
        if _is_drawn(done):  # first, so that a state saved here holds the drawing
            training.drawings[done] = training.draw_latents().cpu()
        if done % LOG_EVERY == 0 or done == total:
            row = training.log()
            speed = _shown_cells(training) * steps.rate
            steps.set_postfix_str(_describe(row, speed), refresh=False)
            # Not at an end between rows: a longer training has no row there.
            late = time.monotonic() - saved > SAVE_SECONDS
            if late and done % LOG_EVERY == 0:
                training.save(state_file)
                saved = time.monotonic()
    training.drawings[total] = training.draw_latents().cpu()


def _is_drawn(iteration: int) -> bool:
    rounds, rest = divmod(iteration, FIRST_DRAWING)
    return rest == 0 and rounds & (rounds - 1) == 0


def _shown_cells(training: Training) -> int:
    """Real cells that the network of most steps sees in one iteration."""
    return training.settings.batch * max(training.model.students.values())


def _describe(row: dict[str, float], speed: float) -> str:
    """Losses, Wasserstein estimate and real cells a second, for the progress bar."""
    shown = ("wasserstein", "critic_loss", "generator_loss")
    parts = [f"{name} {row[name]:.3g}" for name in shown if name in row]
    return ", ".join([*parts, f"{speed:.0f} cells/s"])
