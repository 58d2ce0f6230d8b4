"""One GAN iteration of ours against the common tutorial loop, same networks, CPU.

The tutorial loop keeps the graph of the fakes in the critic step, takes the penalty by
autograd, computes weight gradients of D and C in the G step, and runs in fp32 with the
usual memory layout. Prints seconds and ratios; quote the ratios of one run.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cytobalance.config import read_study
from cytobalance.gan.batches import Batches
from cytobalance.gan.engine import Training
from cytobalance.gan.models import build_gan
from cytobalance.gan.processes import start_fabric

PARAMS = Path(__file__).parent.parent / "params.yaml"
CLASSES = 12


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
    labels = rng.integers(0, CLASSES, 512)
    model = build_gan("c_wgan_gp", size, CLASSES, settings, seed=0)
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
        fabric = start_fabric(precision)
        own = settings.model_copy(update={"precision": precision})
        fresh = build_gan("c_wgan_gp", size, CLASSES, own, seed=0)
        training = Training(fresh, own, fabric)
        batches = Batches(images, labels, own, 0, fabric.device)
        runs[f"ours {precision}"] = lambda t=training, b=batches: t.run_iteration(b)
    return runs


def main() -> None:
    """Time the three in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    os.environ["CYTOBALANCE_DEVICE"] = "cpu"
    settings = read_study(PARAMS).gan.model_copy(
        update={"width": given.width, "batch": given.batch, "critic_steps": 5}
    )
    runs = make_runs(settings, given.size)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(given.rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if turn:  # the first warms up
                times[name].append(time.perf_counter() - start)
    base = statistics.median(times["tutorial"])
    print(f"{given.size} px, width {given.width}, batch {given.batch}, one iteration")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:12} {middle:8.2f} s   {base / middle:5.2f}x")


if __name__ == "__main__":
    main()
