"""What a GPU needs of a training, checked without one.

PyTorch's `meta` device knows shapes and devices and holds no numbers: an operator that
meets a tensor of the CPU fails there as on a GPU, and so does every read of a value,
for which a GPU would have to wait.
"""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from test_gan import GANS, TINY, make_batches, make_training
from torch.utils._python_dispatch import TorchDispatchMode

from cytobalance.generators.batches import Batches
from cytobalance.generators.engine import LOG_EVERY, Training
from cytobalance.generators.processes import Processes
from cytobalance.generators.registry import build_gan
from cytobalance.generators.settings import settings_of
from cytobalance.study.devices import make_deterministic

CLASSES = "basophil", "monocyte", "platelet"
OPTIONS = {
    "as published": {},
    "all": {
        "augment": ("colour", "translation", "cutout"),
        "conditioning": "batch_norm",
        "mirror": True,
        "r1": 1.0,
    },
    "others": {"conditioning": "embedding", "sampling": "natural", "penalty_every": 2},
}


@pytest.fixture
def processes(monkeypatch):
    """One process on `meta`, which has no generator, autocast or fused Adam."""
    # PyTorch makes its kernels for `meta` at their first use, from the true classes.
    torch.ones(2, device="meta").cumsum(0)
    generator, adam = torch.Generator, torch.optim.Adam
    monkeypatch.setattr(torch, "Generator", lambda *device: generator())
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    monkeypatch.setattr(
        torch.optim, "Adam", lambda weights, fused, **rest: adam(weights, **rest)
    )
    return Processes(torch.device("meta"), "fp32")


def start(processes, gan, **changes):
    settings = settings_of(gan, TINY.model_copy(update=changes), {})
    images, labels = np.zeros((30, 16, 16, 3), np.uint8), np.arange(30) % len(CLASSES)
    batches = Batches(images, labels, settings, 1, processes.device)
    model = build_gan(gan, 16, len(CLASSES), settings, 1)
    return Training(model, CLASSES, settings, 1, processes), batches


@pytest.mark.parametrize("gan", GANS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_an_iteration_stays_on_the_device_and_reads_no_number(gan, options, processes):
    training, batches = start(processes, gan, **options)
    for _ in range(2):
        training.run_iteration(batches)
    values = [value for known in training.numbers.values() for value in known.values()]
    assert {value.device.type for value in values} == {"meta"}


class OperatorCount(TorchDispatchMode):
    """Operators that a GPU would launch: all but views."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.total += not func.is_view
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("gan", GANS)
def test_a_look_at_the_losses_is_a_small_part_of_the_iterations_between(gan):
    training, batches = make_training(TINY, gan), make_batches()
    with OperatorCount() as work:
        training.run_iteration(batches)
    with OperatorCount() as look:
        training.log()
    assert 10 < look.total < 0.1 * LOG_EVERY * work.total


def test_a_read_and_a_tensor_of_the_cpu_would_be_seen(processes):
    training, batches = start(processes, "c_wgan_gp")
    training.run_iteration(batches)
    with pytest.raises(NotImplementedError, match="no data"):
        training.log()
    with pytest.raises(RuntimeError, match="device"):
        training.model.generator(torch.zeros(2, TINY.latent), torch.tensor([0, 1]))


@pytest.fixture
def tf32_by_default():
    """cuDNN's default for convolutions, here for products of matrices too."""
    switches = torch.backends.cudnn.conv, torch.backends.cuda.matmul
    before = [switch.fp32_precision for switch in switches]
    deterministic = torch.are_deterministic_algorithms_enabled()
    for switch in switches:
        switch.fp32_precision = "tf32"
    yield switches
    for switch, precision in zip(switches, before, strict=True):
        switch.fp32_precision = precision
    torch.use_deterministic_algorithms(deterministic)


def test_fp32_is_no_tf32_on_a_gpu(tf32_by_default):
    make_deterministic()
    assert [switch.fp32_precision for switch in tf32_by_default] == ["ieee", "ieee"]
    assert torch.get_float32_matmul_precision() == "highest"
