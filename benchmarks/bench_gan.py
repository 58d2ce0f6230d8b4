"""Speed of the GANs on a CPU: ratios of one run, quote nothing else.

One iteration of `c_wgan_gp` against the common tutorial loop with the same networks,
which keeps the graph of the fakes in the critic step, takes the penalty by autograd,
computes weight gradients of D and C in the G step, and runs in fp32 with the usual
memory layout. The critic step against the rate of a bare 3x3 convolution of as many
channels. Generation, disk included, against the generator's forward pass alone.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cytobalance.generators.batches import Batches
from cytobalance.generators.engine import Training
from cytobalance.generators.generation import generate_cells
from cytobalance.generators.processes import start_processes
from cytobalance.generators.registry import build_gan
from cytobalance.study.cells import create_images
from cytobalance.study.devices import make_deterministic
from cytobalance.study.params import read_study

STUDY = read_study(Path(__file__).parent.parent / "params.yaml")
CLASSES = STUDY.classes


def tutorial_iteration(model, optimisers, images, labels, settings) -> None:
    """One iteration as tutorials write it."""
    generator, critic, classifier = model.generator, model.critic, model.classifier
    for _ in range(settings.critic_steps):
        rows = torch.randint(len(labels), (settings.batch,))
        real, y = images[rows].float() / 127.5 - 1, labels[rows]
        fake = generator(torch.randn(settings.batch, settings.latent), y)
        mix = torch.rand(settings.batch, 1, 1, 1)
        between = (mix * real + (1 - mix) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(
            critic(between).sum(), between, create_graph=True
        )
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        loss = critic(fake).mean() - critic(real).mean() + settings.penalty * penalty
        step(optimisers["critic"], loss)
    step(optimisers["classifier"], nn.functional.cross_entropy(classifier(real), y))
    fake = generator(torch.randn(settings.batch, settings.latent), y)
    told = nn.functional.cross_entropy(classifier(fake), y)
    step(optimisers["generator"], told - critic(fake).mean())


def step(optimiser, loss) -> None:
    """Zero, backward, step."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def make_runs(settings, size: int) -> dict:
    """Name -> function that runs one iteration."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (512, size, size, 3), np.uint8)
    labels = rng.integers(0, len(CLASSES), 512)
    model = build_gan("c_wgan_gp", size, len(CLASSES), settings, seed=0)
    optimisers = {
        name: torch.optim.Adam(
            getattr(model, name).parameters(), settings.learning_rate, settings.betas
        )
        for name in model.students
    }
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    targets = torch.from_numpy(labels)
    runs = {
        "tutorial": lambda: tutorial_iteration(
            model, optimisers, pixels, targets, settings
        )
    }
    for precision in ("fp32", "bf16"):
        processes = start_processes(precision)
        own = settings.model_copy(update={"precision": precision})
        fresh = build_gan("c_wgan_gp", size, len(CLASSES), own, seed=0)
        training = Training(fresh, CLASSES, own, 0, processes)
        batches = Batches(images, labels, own, 0, processes.device)
        runs[f"ours {precision}"] = lambda t=training, b=batches: t.run_iteration(b)
    return runs


def time_in_turn(runs: dict, rounds: int) -> dict[str, float]:
    """Median seconds of each, taken in turn; the first round warms up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def compare_iterations(settings, size: int, rounds: int) -> None:
    """Print ours in both precisions against the tutorial loop."""
    times = time_in_turn(make_runs(settings, size), rounds)
    print(f"{size} px, width {settings.width}, batch {settings.batch}: one iteration")
    for name, seconds in times.items():
        print(f"{name:24}{seconds:8.2f} s {times['tutorial'] / seconds:6.2f}x")


def compare_with_convolution(settings, size: int, rounds: int) -> None:
    """Print the critic step's rate of work against a convolution's, forward, fp32.

    Work is what PyTorch counts for each.
    """
    processes = start_processes("fp32")
    model = build_gan("c_wgan_gp", size, len(CLASSES), settings, seed=0)
    training = Training(model, CLASSES, settings, 0, processes)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (512, size, size, 3), np.uint8)
    batches = Batches(
        images, rng.integers(0, len(CLASSES), 512), settings, 0, processes.device
    )
    layer = nn.Conv2d(settings.width, settings.width, 3, padding=1)
    layer = layer.to(memory_format=torch.channels_last)
    x = torch.randn(settings.batch, settings.width, size // 4, size // 4)
    x = x.to(memory_format=torch.channels_last)
    batch = batches.draw("critic", 0)

    def convolve():
        with torch.no_grad():
            for _ in range(50):
                layer(x)

    runs = {"convolution": convolve, "critic": lambda: training.teach("critic", batch)}
    times = time_in_turn(runs, rounds)
    work = {
        "convolution": 50 * flops_of(lambda: layer(x)),
        "critic": flops_of(lambda: training.teach("critic", batch)),
    }
    rates = {name: work[name] / times[name] for name in runs}
    print("critic step against a bare convolution, work a second, fp32")
    for name, rate in rates.items():
        print(f"{name:24}{rate / 1e9:8.1f} GFLOP/s {rate / rates['convolution']:6.2f}")


def flops_of(run) -> int:
    """Work of one call by PyTorch's own count."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def compare_generation(settings, size: int, rounds: int) -> None:
    """Print generation into a file against G's forward pass alone, same batch."""
    model = build_gan("c_wgan_gp", size, len(CLASSES), settings, seed=0)
    generator = model.generator.to(memory_format=torch.channels_last).eval()
    count = 4 * settings.batch
    z = torch.randn(settings.batch, settings.latent)
    y = torch.zeros(settings.batch, dtype=torch.long)

    def forward():
        with torch.inference_mode():
            for _ in range(4):
                generator(z, y)

    def generate():
        with tempfile.TemporaryDirectory() as folder:
            images = create_images(Path(folder), count, size)
            for place, made in generate_cells(
                generator,
                0,
                count,
                latent=settings.latent,
                batch=settings.batch,
                seed=0,
                device=torch.device("cpu"),
            ):
                images[place : place + len(made)] = made
            images.flush()

    times = time_in_turn({"forward": forward, "generate": generate}, rounds)
    ratio = times["forward"] / times["generate"]
    print(f"generation, disk included: {ratio:.2f} of the rate of G's forward alone")


def main() -> None:
    """Compare, compare, compare."""
    make_deterministic()  # as the stages run, and true fp32 on a GPU
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--latent", type=int, default=500)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    os.environ["CYTOBALANCE_DEVICE"] = "cpu"
    settings = STUDY.gan.model_copy(
        update={
            "width": given.width,
            "latent": given.latent,
            "batch": given.batch,
            "critic_steps": 5,
            "augment": (),
        }
    )
    compare_iterations(settings, given.size, given.rounds)
    compare_with_convolution(settings, given.size, given.rounds)
    compare_generation(settings, given.size, given.rounds)


if __name__ == "__main__":
    main()
