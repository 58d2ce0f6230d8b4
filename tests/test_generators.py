"""The protocol of generators: what each declares, and what stands beside the GANs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from test_gan import GANS, TINY, make_batches, make_training, weights_of

from cytobalance.generators import gans
from cytobalance.generators.batches import Batches
from cytobalance.generators.engine import train_gan
from cytobalance.generators.generation import generate_cells
from cytobalance.generators.registry import build_gan, load_generator, save_generator
from cytobalance.generators.settings import settings_model, settings_of
from cytobalance.generators.warm_start import find_components

NOWHERE = Path("no folder/never written")
# A model of diffusion as a rectified flow (Liu 2022): one network, no critic.
FLOW = """
import torch
from torch import nn


class Velocity(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.label = nn.Embedding(classes, 3)
        self.layer = nn.Conv2d(4, 3, 5, padding=2)

    def forward(self, x, y, time):
        x = x + self.label(y)[..., None, None]
        return self.layer(torch.cat((x, time.expand(len(x), 1, *x.shape[2:])), 1))


class Model(nn.Module):
    one_class = False

    def __init__(self, size, classes, settings):
        super().__init__()
        self.students, self.size = {"generator": 2}, size
        self.generator = Velocity(classes)

    def loss(self, student, batch):
        noise = batch.z.view_as(batch.real)
        x = torch.lerp(noise, batch.real, batch.mix)
        said = self.generator(x, batch.y, batch.mix)
        loss = (said - (batch.real - noise)).square().mean()
        return loss, {"generator_loss": loss}

    def sample(self, z, y):
        x = z.view(-1, 3, self.size, self.size)
        for step in range(4):
            x = x + self.generator(x, y, x.new_full((1, 1, 1, 1), step / 4)) / 4
        return x.clamp(-1, 1)
"""


@pytest.fixture
def add_gan(tmp_path, monkeypatch):
    """Write the file of a new generator, which may then be trained by its name."""

    def add(name, code):
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        monkeypatch.setattr(gans, "__path__", [*gans.__path__, str(tmp_path)])

    return add


def test_a_file_makes_a_gan_legal():
    folder = Path(gans.__path__[0])
    assert {p.stem for p in folder.glob("*.py")} == {"__init__", *GANS}


@pytest.mark.parametrize("gan", GANS)
def test_every_gan_keeps_to_the_protocol_and_reads_only_its_settings(gan):
    settings = settings_of(gan, TINY, {})
    assert type(settings) is settings_model(gan)
    model = build_gan(gan, 16, 2, settings, seed=1)
    assert model.students["generator"] == 1
    assert isinstance(model.one_class, bool)
    y = torch.ones(3, dtype=torch.long)
    made = model.sample(torch.randn(3, settings.latent), y)
    assert made.shape == (3, 3, 16, 16) and made.abs().max() <= 1
    batches = make_batches(settings)
    for student in model.students:
        iteration = 0 if model.one_class else None
        loss, numbers = model.loss(student, batches.draw(student, 0, iteration))
        assert loss.ndim == 0 and loss.requires_grad and numbers


def test_a_gan_takes_its_keys_of_the_shared_group_and_its_overrides():
    shared = TINY.model_copy(update={"penalty": 3.0, "r1": 4.0})
    assert settings_of("c_wgan_gp", shared, {"latent": 7}).latent == 7
    assert settings_of("cwgan_gp", shared, {}).penalty == 3.0
    assert settings_of("cgan", shared, {}).r1 == 4.0
    keys = settings_of("dcgan", shared, {}).model_dump().keys()
    assert not keys & {"penalty", "penalty_every", "r1", "conditioning"}
    assert settings_of("new_gan", shared, {}) == shared


@pytest.mark.parametrize(
    "gan, key", [("c_wgan_gp", "r1"), ("dcgan", "r1"), ("cgan", "classifier_weight")]
)
def test_an_override_that_a_gan_does_not_take_is_refused(gan, key):
    with pytest.raises(ValidationError, match=f"{key}\n.*Extra inputs"):
        settings_of(gan, TINY, {key: 1.0})


def test_the_documented_example_of_a_new_gan_trains(add_gan):
    page = (Path(__file__).parent.parent / "docs/gans.md").read_text(encoding="utf-8")
    add_gan("lsgan", page.split("```python\n")[1].split("```")[0])
    training = make_training(TINY, "lsgan")
    train_gan(training, make_batches(), NOWHERE)
    assert training.losses[-1]["critic_loss"] > 0
    assert training.drawings[6].float().std() > 1


def test_a_model_of_diffusion_stands_beside_the_gans(add_gan, tmp_path):
    add_gan("flow", FLOW)
    settings = TINY.model_copy(
        update={"latent": 3 * 16**2, "iterations": 150, "learning_rate": 0.02}
    )
    training = make_training(settings, "flow")
    train_gan(training, make_batches(settings), NOWHERE)
    losses = [row["generator_loss"] for row in training.losses]
    assert losses[-1] < 0.7 * losses[0]

    path, names = tmp_path / "generator.pt", training.classes
    save_generator(path, training.average.generator, "flow", 16, names, settings)
    model, loaded = load_generator(path, names, 16)
    assert loaded == settings
    options = {"latent": settings.latent, "batch": 4, "seed": 1}
    made = [
        np.concatenate(
            [
                cells
                for _, cells in generate_cells(
                    model.sample, label, 6, device=torch.device("cpu"), **options
                )
            ]
        )
        for label in (0, 1)
    ]
    assert made[0].shape == (6, 16, 16, 3)
    assert made[1].mean() - made[0].mean() > 25


# A start from principal components


@pytest.mark.parametrize("gan, steps", [("c_wgan_gp", 80), ("dcgan", 160)])
def test_a_warm_start_draws_cells_of_their_class_before_it_is_taught(gan, steps):
    settings = TINY.model_copy(
        update={"warm_start": steps, "augment": ("cutout",), "iterations": 1}
    )
    training = make_training(settings, gan)
    before = {k: v.clone() for k, v in training.model.state_dict().items()}
    training.start_warm(make_batches(settings))
    dark, bright = training.draw_latents().float().mean((1, 2, 3, 4))
    assert bright - dark > 120  # 180 apart, and 0 with cutout's holes in them
    after = training.model.state_dict()  # its teachers learn beside it
    for student in training.model.students:
        names = [name for name in before if name.startswith(f"{student}.")]
        assert not all(torch.equal(before[name], after[name]) for name in names)
    again = make_training(settings, gan)
    again.start_warm(make_batches(settings))
    assert torch.equal(weights_of(training), weights_of(again))


def test_components_give_cells_as_numbers_like_z_and_hold_them():
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(3, 16 * 16 * 3))
    labels = np.repeat([0, 1], 200)
    shades = rng.normal(size=(400, 3)) * [30, 20, 10] * (1 + labels[:, None])
    images = 120 + 20 * labels[:, None] + shades @ basis / 10
    images = images.reshape(-1, 16, 16, 3).clip(0, 255).astype(np.uint8)
    settings = TINY.model_copy(update={"mirror": False, "latent": 3, "batch": 64})
    batches = Batches(images, labels, settings, 1, torch.device("cpu"))
    components = find_components(batches, 3, 3)
    batch = batches.draw("critic", 0)
    z = components.encode(batch.real, batch.y)
    for label in (0, 1):
        torch.testing.assert_close(
            z[batch.y == label].std(0), torch.ones(3), rtol=0, atol=0.4
        )
    again = (
        components.middle[batch.y] + z * components.scale[batch.y] @ components.axes.T
    )
    assert (again - batch.real.flatten(1)).square().mean() < 1e-4
    torch.testing.assert_close(
        components.axes.T @ components.axes, torch.eye(3), rtol=0, atol=1e-3
    )


def test_classes_of_equal_cells_have_components_too():
    images = np.repeat([[40], [200]], 20, 0).astype(np.uint8)
    images = np.broadcast_to(images[..., None, None], (40, 16, 16, 3))
    batches = Batches(images, np.repeat([0, 1], 20), TINY, 1, torch.device("cpu"))
    components = find_components(batches, 2, 8)
    batch = batches.draw("critic", 0)
    z = components.encode(batch.real, batch.y)
    torch.testing.assert_close(z, torch.zeros_like(z), rtol=0, atol=0.1)


def test_a_training_with_a_warm_start_goes_on_where_it_stopped(tmp_path):
    settings = TINY.model_copy(update={"warm_start": 5})
    straight = make_training(settings)
    train_gan(straight, make_batches(settings), NOWHERE)
    cold = make_training(TINY)
    train_gan(cold, make_batches(TINY), NOWHERE)
    assert not torch.equal(weights_of(straight), weights_of(cold))
    broken = make_training(settings)
    broken.start_warm(make_batches(settings))
    for _ in range(3):
        broken.run_iteration(make_batches(settings))
    broken.save(tmp_path / "state.pt")
    resumed = make_training(settings)
    train_gan(resumed, make_batches(settings), tmp_path / "state.pt")
    assert torch.equal(weights_of(straight), weights_of(resumed))
