"""The protocol of generators: what each declares, and what stands beside the GANs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from test_gan import GANS, TINY, make_batches, make_training

from cytobalance.generators import gans
from cytobalance.generators.engine import train_gan
from cytobalance.generators.generation import generate_cells
from cytobalance.generators.registry import build_gan, load_generator, save_generator
from cytobalance.generators.settings import settings_model, settings_of

NOWHERE = Path("never written")
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
