"""Networks of Tables 3 to 5, the penalty, the losses and the training loop."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cytobalance.assess.artefacts import grid_energy
from cytobalance.generators.batches import Batches
from cytobalance.generators.engine import Training
from cytobalance.generators.generation import generate_cells, to_pixels
from cytobalance.generators.networks import Critic, Generator, ResidualBlock
from cytobalance.generators.penalty import gradient_penalty, input_slope
from cytobalance.generators.processes import start_processes
from cytobalance.generators.registry import build_gan, load_generator, save_generator
from cytobalance.generators.settings import settings_of
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError
from cytobalance.study.settings import Gan

GANS = get_args(Gan)
STUDY = read_study(Path(__file__).parent.parent / "params.yaml")
CLASSES = STUDY.classes
TINY = STUDY.gan.model_copy(
    update={
        "width": 4,
        "latent": 8,
        "batch": 8,
        "iterations": 6,
        "critic_steps": 2,
        "classifier_weight": 5.0,
        "conditioning": "onehot",
        "learning_rate": 1e-3,
        "augment": (),
        "warm_start": 0,
        "precision": "fp32",
    }
)


def shapes_of(network, *inputs):
    """Output shape of every layer that changes it, in order of running."""
    seen = []

    def note(module, _inputs, output):
        shape = tuple(output.shape[1:])
        if not seen or seen[-1] != shape:
            seen.append(shape)

    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(note)
    network(*inputs)
    return seen


def count_blocks(network):
    """Residual blocks between two changes of size, in order."""
    counts = []
    for module in network.modules():
        if isinstance(module, nn.Sequential) and all(
            isinstance(child, ResidualBlock) for child in module
        ):
            counts.append(len(module))
    return counts


def test_generator_is_table_3():
    network = Generator(size=128, width=64, latent=500, classes=12)
    z, y = torch.zeros(1, 500), torch.zeros(1, dtype=torch.long)
    assert network.project.in_features == 500 + 12
    assert shapes_of(network, z, y) == [
        (12,),  # the one-hot label
        (64 * 32 * 32,),
        (64, 32, 32),
        (64, 64, 64),
        (64, 128, 128),
        (3, 128, 128),
    ]
    assert count_blocks(network) == [2, 4, 2]


@pytest.mark.parametrize("outputs", [1, 12])
def test_critic_and_classifier_are_tables_4_and_5(outputs):
    network = Critic(size=128, width=64, outputs=outputs)
    assert shapes_of(network, torch.zeros(1, 3, 128, 128)) == [
        (64, 64, 64),
        (64, 32, 32),
        (64, 16, 16),
        (64, 8, 8),
        (64 * 8 * 8,),
        (128,),
        (outputs,),
    ]
    assert count_blocks(network) == [2, 4, 4]
    assert not any("Norm" in type(m).__name__ for m in network.modules())


def test_a_fresh_generator_has_no_grid():
    torch.manual_seed(0)
    network = Generator(size=32, width=16, latent=64, classes=3)
    doublings = [m for m in network.grow if isinstance(m, nn.ConvTranspose2d)][:2]
    for layer in doublings:  # what is flat stays flat, but for the border
        flat = layer(torch.ones(1, 16, 8, 8))[0, :, 4:-4, 4:-4]
        torch.testing.assert_close(flat, flat[:, :1, :1].expand_as(flat))
    with torch.no_grad():
        made = network(torch.randn(200, 64), torch.arange(200) % 3)
    assert 0.1 < made.std(0).mean() < 0.8  # z shows, and tanh is not at its ends
    assert grid_energy(to_pixels(made).numpy()) < 1.5


def test_images_keep_their_size_and_range_at_other_sizes():
    network = Generator(size=48, width=4, latent=8, classes=3)
    made = network(torch.randn(2, 8) * 50, torch.tensor([0, 2]))
    assert made.shape == (2, 3, 48, 48)
    assert made.abs().max() <= 1


def penalty_by_autograd(critic, real, fake, mix):
    """The textbook form, with PyTorch's own LeakyReLU."""
    between = (mix * real + (1 - mix) * fake).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


@pytest.mark.parametrize(
    "dtype, limit", [(torch.float64, 1e-12), (torch.float32, 1e-5)]
)
def test_penalty_and_its_gradient_equal_plain_autograd(dtype, limit):
    torch.manual_seed(0)
    critic = Critic(size=32, width=8, outputs=1).to(dtype)
    real, fake = torch.randn(2, 4, 3, 32, 32, dtype=dtype)
    mix = torch.rand(4, 1, 1, 1, dtype=dtype)
    ours = gradient_penalty(critic, real, fake, mix)
    theirs = penalty_by_autograd(critic, real, fake, mix)
    assert theirs.item() > 0.01
    torch.testing.assert_close(ours.to(dtype), theirs, rtol=1e-5, atol=1e-6)
    for one, two in zip(
        torch.autograd.grad(ours, critic.parameters(), allow_unused=True),
        torch.autograd.grad(theirs, critic.parameters(), allow_unused=True),
        strict=True,
    ):
        if one is None:  # a bias moves D(x), not its slope
            assert two is None or float(two.detach().abs().max()) == 0
        else:
            assert float((one - two).norm() / two.norm()) < limit


class HasBody(nn.Module):
    """No residual block, though its layers stand under the same name."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.body(x) * 2


class Doubled(nn.Sequential):
    """A Sequential that does more than its layers."""

    def forward(self, x):
        return 2 * super().forward(x)


class Scaled(nn.Conv2d):
    """A convolution whose call does more than its forward pass."""

    def __call__(self, x):
        return 2 * super().__call__(x)


def layer_with_its_own_forward():
    layer = nn.Conv2d(3, 3, 1)
    forward = layer.forward
    layer.forward = lambda x: 2 * forward(x)
    return layer


def hooked_layer():
    layer = nn.Conv2d(3, 3, 1)
    layer.register_forward_hook(lambda _module, _inputs, output: 2 * output)
    return layer


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(3),
        nn.Dropout(0.5),
        nn.ReLU(),
        HasBody(),
        Doubled(nn.Conv2d(3, 3, 1)),
        hooked_layer(),
        layer_with_its_own_forward(),
        Scaled(3, 3, 1),
        nn.utils.spectral_norm(nn.Conv2d(3, 3, 1)),
        nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 3, 1)),
        ResidualBlock(3, nn.ConvTranspose2d),
        ResidualBlock(3, nn.Conv2d, classes=2),
        nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(3, 3, 3, padding="same"),
        nn.AvgPool2d(2, stride=1),
        nn.AvgPool2d(3),
        nn.LeakyReLU(0.2, inplace=True),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_network_whose_slope_is_not_known_is_refused(layer):
    with pytest.raises(TypeError, match="gradient penalty knows no slope"):
        input_slope(nn.Sequential(layer), torch.zeros(2, 3, 8, 8))


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2)],
        [nn.Conv2d(4, 4, (3, 5), stride=(2, 3), padding=(1, 0))],
        [ResidualBlock(4, nn.Conv2d), nn.AvgPool2d(2)],
    ],
)
def test_the_slope_of_layers_with_options_equals_autograd(layers):
    torch.manual_seed(1)
    width = nn.Sequential(*layers, nn.Flatten()).eval()(torch.zeros(1, 4, 12, 12))
    critic = nn.Sequential(*layers, nn.Flatten(), nn.Linear(width.shape[1], 1))
    critic = critic.double().eval()
    x = torch.randn(2, 4, 12, 12, dtype=torch.float64, requires_grad=True)
    (theirs,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    ours = input_slope(critic, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    weights = list(critic.parameters())
    one, two = (
        torch.autograd.grad(slope.square().sum(), weights, allow_unused=True)
        for slope in (ours, theirs)
    )
    for own, other in zip(one, two, strict=True):
        if own is not None or (other is not None and other.abs().max() > 0):
            torch.testing.assert_close(own, other, rtol=1e-9, atol=1e-12)


def test_penalty_is_zero_for_slope_one_and_grows_with_slope():
    def plane(slope):
        layer = nn.Linear(12, 1)
        nn.init.constant_(layer.weight, slope / 12**0.5)
        return nn.Sequential(nn.Flatten(), layer)

    real, fake = torch.randn(2, 5, 3, 2, 2)
    mix = torch.rand(5, 1, 1, 1)
    for slope, expected in ((1.0, 0.0), (3.0, 4.0), (0.0, 1.0)):
        value = gradient_penalty(plane(slope), real, fake, mix)
        assert value.item() == pytest.approx(expected, abs=1e-5)


class FlopCount(TorchDispatchMode):
    """PyTorch's own table of work per operator, without its tracking of modules."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            count = flop_registry[func.overloadpacket]
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result


def count_flops(work) -> int:
    with FlopCount() as counter:
        work()
    return counter.total


def test_penalty_costs_at_most_four_critic_forwards():
    critic = Critic(size=32, width=8, outputs=1)
    real, fake = torch.randn(2, 4, 3, 32, 32)
    mix = torch.rand(4, 1, 1, 1)
    forward = count_flops(lambda: critic(real))
    spent = count_flops(lambda: gradient_penalty(critic, real, fake, mix).backward())
    assert spent <= 4 * forward


def make_batches(settings=TINY, seed=1, counts=(30, 6), size=16):
    """Two classes that differ in colour; the second is rare."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], counts)
    images = rng.integers(0, 40, (len(labels), size, size, 3)).astype(np.uint8)
    images[labels == 1] += 180
    return Batches(images, labels, settings, seed, torch.device("cpu"))


def make_training(settings=TINY, gan="c_wgan_gp"):
    settings = settings_of(gan, settings, {})
    model = build_gan(gan, 16, 2, settings, seed=3)
    processes = start_processes(settings.precision)
    return Training(model, ("dark", "bright"), settings, 3, processes)


def test_one_iteration_at_full_size_is_within_the_counted_work():
    """speed.md of the method: 184 GFLOP an image for 5 critic, 1 G and 1 C steps.

    Counted at size 32, where convolutions cost 1/16 of those at the paper's 128.
    """
    settings = TINY.model_copy(
        update={"width": 64, "latent": 500, "batch": 2, "critic_steps": 5}
    )
    model = build_gan("c_wgan_gp", 32, len(CLASSES), settings, seed=3)
    training = Training(model, CLASSES, settings, 3, start_processes("fp32"))
    batches = make_batches(settings, size=32)
    per_image = count_flops(lambda: training.run_iteration(batches)) / 2
    assert per_image * 16 <= 184.5e9


def test_batches_are_balanced_by_choice_and_natural_otherwise():
    for sampling, low, high in (("balanced", 0.4, 0.6), ("natural", 0.1, 0.25)):
        settings = TINY.model_copy(update={"sampling": sampling, "batch": 600})
        y = make_batches(settings).draw("critic", 0).y
        assert low < float(y.float().mean()) < high


def test_a_batch_holds_its_labels_cells_in_range():
    batch = make_batches(TINY.model_copy(update={"batch": 200})).draw("critic", 0)
    bright = batch.real.mean((1, 2, 3)) > 0
    assert torch.equal(bright, batch.y == 1)
    assert batch.real.min() >= -1 and batch.real.max() <= 1


def test_mirroring_shows_turned_cells_and_keeps_their_pixels():
    images = np.zeros((1, 16, 16, 3), np.uint8)
    images[0, 0, 1] = 255
    batches = Batches(images, np.zeros(1, int), TINY, 0, torch.device("cpu"))
    spots = {
        tuple(divmod(int(cell[0].argmax()), 16))
        for step in range(20)
        for cell in batches.draw("critic", step).real
    }
    assert spots == {
        (a, b)
        for a in (0, 1, 14, 15)
        for b in (0, 1, 14, 15)
        if (a in (0, 15)) != (b in (0, 15))
    }


def test_processes_share_one_joined_batch():
    settings = TINY.model_copy(update={"augment": ("colour", "cutout")})
    whole = make_batches(settings).draw("critic", 7)
    halves = []
    for share in (slice(0, 4), slice(4, 8)):
        batches = make_batches(settings)
        batches.share = share
        halves.append(batches.draw("critic", 7))
    for name in ("real", "y", "z", "mix", "chance"):
        joined = torch.cat([getattr(half, name) for half in halves])
        assert torch.equal(joined, getattr(whole, name))


def test_losses_teach_the_right_network_and_signs():
    model = build_gan("c_wgan_gp", 16, 2, TINY, seed=3)
    batch = make_batches().draw("critic", 0)
    loss, _ = model.loss("critic", batch)
    with torch.no_grad():
        fake = model.generator(batch.z, batch.y)
        distance = model.critic(batch.real).mean() - model.critic(fake).mean()
    penalty = penalty_by_autograd(model.critic, batch.real, fake, batch.mix)
    expected = TINY.penalty * penalty - distance
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    model.zero_grad()
    loss.backward()
    assert all(p.grad is None for p in model.generator.parameters())
    assert all(p.grad is None for p in model.classifier.parameters())
    model.loss("generator", batch)[0].backward()
    assert all(p.grad is not None for p in model.generator.parameters())
    assert model.critic[0].in_channels == 3  # D never sees the label


def weights_of(training):
    return torch.cat([p.flatten() for p in training.average.parameters()])


def test_a_diverged_training_stops_with_advice():
    training = make_training()
    training.numbers = {None: {"penalty": torch.tensor(float("nan"))}}
    with pytest.raises(StudyError, match=r"penalty is not finite.*learning_rate"):
        training.log()


@pytest.mark.parametrize("gan", GANS)
def test_generator_file_rebuilds_itself_and_checks_classes(gan, tmp_path):
    declared = settings_of(gan, TINY, {})
    network = build_gan(gan, 16, 2, declared, seed=5).generator
    path = tmp_path / "generator.pt"
    save_generator(path, network, gan, 16, ("dark", "bright"), declared)
    z, y = torch.randn(3, 8), torch.tensor([1, 1, 1])
    again, settings = load_generator(path, ("dark", "bright"), 16)
    assert settings == declared
    torch.testing.assert_close(again.sample(z, y), network(z, y))
    with pytest.raises(StudyError, match="other classes"):
        load_generator(path, ("bright", "dark"), 16)
    with pytest.raises(StudyError, match="other classes or sizes"):
        load_generator(path, ("dark", "bright"), 32)
    with pytest.raises(StudyError, match=r"none\.pt is missing; run `dvc repro`"):
        load_generator(tmp_path / "none.pt", ("dark",), 16)
    for damage in (b"no weights", b""):
        path.write_bytes(damage)
        with pytest.raises(StudyError, match="damaged"):
            load_generator(path, ("dark", "bright"), 16)


def make_cells(network, label, seed, share=(0, 1), count=10):
    """Cells, 0 where another process's share is."""
    made, sizes = np.zeros((count, 16, 16, 3), np.uint8), []
    for place, part in generate_cells(
        network,
        label,
        count,
        latent=8,
        batch=4,
        seed=seed,
        device=torch.device("cpu"),
        share=share,
    ):
        made[place : place + len(part)] = part
        sizes.append(len(part))
    return made, sizes


def test_generation_is_repeatable_by_class_and_seed():
    network = Generator(16, 4, 8, 2)
    first, sizes = make_cells(network, 0, seed=1)
    assert sizes == [4, 4, 2]
    np.testing.assert_array_equal(first, make_cells(network, 0, seed=1)[0])
    assert not np.array_equal(first, make_cells(network, 1, seed=1)[0])
    assert not np.array_equal(first, make_cells(network, 0, seed=2)[0])
    # 7 x 8 numbers are no multiple of 16, of which PyTorch would draw the last anew.
    fewer, _ = make_cells(network, 0, seed=1, count=7)
    np.testing.assert_array_equal(fewer, first[:7])


def test_processes_share_the_generation_and_change_nothing():
    network = Generator(16, 4, 8, 2)
    whole, _ = make_cells(network, 0, seed=1)
    (even, first), (odd, second) = (
        make_cells(network, 0, seed=1, share=(rank, 2)) for rank in (0, 1)
    )
    assert (first, second) == ([4, 2], [4])
    np.testing.assert_array_equal(even + odd, whole)
