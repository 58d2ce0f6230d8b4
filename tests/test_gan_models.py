"""The six GANs, their options, and how a training stops and goes on."""

import resource
from pathlib import Path

import pytest
import torch
from test_gan import GANS, TINY, make_batches, make_training, weights_of

from cytobalance.generators import engine
from cytobalance.generators.augment import CHANCES, change_cells
from cytobalance.generators.engine import train_gan
from cytobalance.generators.networks import Critic, Generator, with_label
from cytobalance.generators.penalty import gradient_penalty, r1_penalty
from cytobalance.generators.registry import build_gan
from cytobalance.study.runtime import StudyError

NOWHERE = Path("never written")


@pytest.mark.parametrize("gan", GANS)
def test_every_gan_trains_all_its_networks_and_goes_on_where_it_stopped(gan, tmp_path):
    settings = TINY.model_copy(update={"r1": 0.1})
    straight = make_training(settings, gan)
    before = {k: v.clone() for k, v in straight.model.state_dict().items()}
    train_gan(straight, make_batches(settings), NOWHERE)
    stuck = {k for k, v in straight.model.state_dict().items() if before[k].equal(v)}
    # A constant added to D drops out of a difference of its means.
    assert stuck == ({"critic.11.bias"} if "wgan" in gan else set())
    for row in straight.losses:
        assert {"critic_loss", "generator_loss", "spread"} < row.keys()

    broken = make_training(settings, gan)
    for _ in range(3):
        broken.run_iteration(make_batches(settings))
    broken.save(tmp_path / "state.pt")
    resumed = make_training(settings, gan)
    train_gan(resumed, make_batches(settings), tmp_path / "state.pt")
    assert torch.equal(weights_of(straight), weights_of(resumed))
    assert straight.losses == resumed.losses
    assert straight.drawings.keys() == resumed.drawings.keys() == {6}
    assert torch.equal(straight.drawings[6], resumed.drawings[6])


@pytest.mark.parametrize(
    "gan, conditioning",
    [
        *((gan, "onehot") for gan in GANS),
        ("c_wgan_gp", "embedding"),
        ("c_wgan_gp", "batch_norm"),
    ],
)
def test_every_gan_makes_cells_of_the_class_asked_for(gan, conditioning):
    settings = TINY.model_copy(
        update={
            "conditioning": conditioning,
            "iterations": 200,
            "learning_rate": 4e-3,
            "ema": 0.5,
            "classifier_weight": 2.0,
            "r1": 1.0,  # steadies the others
            "mirror": False,
        }
    )
    training = make_training(settings, gan)
    train_gan(training, make_batches(settings), NOWHERE)
    dark, bright = training.drawings[200].float().mean((1, 2, 3, 4))
    assert bright - dark > 25


@pytest.mark.parametrize("gan", GANS)
def test_every_gan_takes_every_option_in_either_precision(gan):
    every = {
        "precision": "bf16",
        "augment": ("colour", "translation", "cutout"),
        "r1": 0.1,
        "penalty_every": 2,
        "conditioning": "batch_norm",
        "sampling": "natural",
        "iterations": 2,
    }
    rough = make_training(TINY.model_copy(update=every), gan)
    fine = make_training(TINY.model_copy(update=every | {"precision": "fp32"}), gan)
    for training in (rough, fine):
        train_gan(training, make_batches(training.settings), NOWHERE)
    for name in ("critic_loss", "generator_loss"):
        one, two = rough.losses[0][name], fine.losses[0][name]
        assert one == pytest.approx(two, rel=0.1, abs=0.3)


@pytest.mark.parametrize("gan", GANS)
def test_bf16_has_the_gradients_of_fp32_but_for_rounding(gan):
    def gradients(student, precision):
        settings = TINY.model_copy(update={"precision": precision, "width": 16})
        training = make_training(settings, gan)
        iteration = 0 if training.model.one_class else None
        training.teach(student, make_batches(settings).draw(student, 0, iteration))
        network = getattr(training.model, student)
        found = [w.grad for w in network.parameters() if w.grad is not None]
        return torch.cat([gradient.flatten() for gradient in found])

    for student in make_training(TINY, gan).model.students:
        fine, rough = (gradients(student, precision) for precision in ("fp32", "bf16"))
        assert torch.cosine_similarity(fine, rough, dim=0) > 0.995
        assert rough.norm().item() == pytest.approx(fine.norm().item(), rel=0.1)


def test_the_label_is_told_to_the_critics_that_the_papers_tell_it():
    shapes = {
        "c_wgan_gp": (3, 1),
        "cwgan_gp": (5, 1),
        "cgan": (5, 1),
        "acgan": (3, 3),
        "infogan": (3, 5),
    }
    for gan, (channels, outputs) in shapes.items():
        critic = build_gan(gan, 16, 2, TINY, 1).critic
        assert (critic[0].in_channels, critic[-1].out_features) == (channels, outputs)


def test_dcgan_teaches_one_class_at_a_time():
    training = make_training(TINY, "dcgan")
    networks = training.model.generator
    before = [network[0].weight.clone() for network in networks]
    training.run_iteration(make_batches())
    moved = [not b.equal(n[0].weight) for b, n in zip(before, networks, strict=True)]
    assert moved == [True, False]
    training.run_iteration(make_batches())
    assert not before[1].equal(networks[1][0].weight)


def test_dcgan_has_gungors_five_layers():
    model = build_gan("dcgan", 128, 2, TINY.model_copy(update={"latent": 100}), 1)
    for network in (model.generator[0], model.critic[0].trunk):
        kinds = [type(layer).__name__ for layer in network]
        assert sum(kind.startswith("Conv") for kind in kinds) == 5
    made = model.generator(torch.zeros(2, 100), torch.zeros(2, dtype=torch.long))
    assert made.shape == (2, 3, 128, 128)
    assert model.critic[0](made, torch.ones(2, model.critic[0].features)).shape == (
        2,
        1,
    )


def slopes_by_autograd(critic, images, y):
    images = images.clone().requires_grad_(True)
    out = critic(with_label(images, y, 2))[:, 0].sum()
    return torch.autograd.grad(out, images, create_graph=True)[0].flatten(1)


@pytest.mark.parametrize("kind", ["gradient penalty", "r1"])
def test_penalties_of_a_told_critic_with_two_heads_equal_autograd(kind):
    torch.manual_seed(0)
    critic = Critic(16, 4, outputs=3, labels=2).double()
    real, fake = torch.randn(2, 4, 3, 16, 16, dtype=torch.float64)
    y, mix = torch.tensor([0, 1, 1, 0]), torch.rand(4, 1, 1, 1, dtype=torch.float64)
    told = [with_label(x, y, 2) for x in (real, fake)]
    if kind == "r1":
        ours = r1_penalty(critic, told[0])
        theirs = slopes_by_autograd(critic, real, y).square().sum(1).mean() / 2
    else:
        ours = gradient_penalty(critic, *told, mix)
        slopes = slopes_by_autograd(critic, mix * real + (1 - mix) * fake, y)
        theirs = (slopes.norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(ours, theirs)
    assert theirs > 1e-6
    weight = critic[0].weight
    one, two = (torch.autograd.grad(x, weight)[0] for x in (ours, theirs))
    torch.testing.assert_close(one, two)


def test_a_lazy_penalty_is_rarer_and_as_much_heavier():
    settings = TINY.model_copy(update={"penalty_every": 3})
    model = build_gan("c_wgan_gp", 16, 2, settings, 1)
    batches = make_batches(settings)
    for step in range(6):
        loss, numbers = model.loss("critic", batches.draw("critic", step))
        assert ("penalty" in numbers) == (step % 3 == 0)
        penalty = float(numbers.get("penalty", torch.zeros(())).detach())
        distance = float(numbers["wasserstein"].detach())
        expected = 3 * settings.penalty * penalty - distance
        assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "changes", [("colour",), ("translation",), ("cutout",), ("colour", "cutout")]
)
def test_augmentation_changes_cells_and_lets_gradients_pass(changes):
    images = (torch.rand(6, 3, 16, 16) - 0.5).requires_grad_(True)
    changed = change_cells(images, changes, torch.rand(6, CHANCES))
    assert changed.shape == images.shape
    assert not torch.equal(changed, images)
    changed.square().sum().backward()
    assert images.grad.abs().sum() > 0


def test_augmentation_does_what_its_chances_say():
    image = torch.zeros(1, 3, 16, 16)
    image[0, :, 8, 8] = 1.0
    middle = torch.full((1, CHANCES), 0.5)
    assert torch.equal(change_cells(image, ("translation",), middle), image)
    torch.testing.assert_close(change_cells(image, ("colour",), middle), image)
    far = torch.full((1, CHANCES), 0.999)
    down = change_cells(image, ("translation",), far)
    assert down[0, 0].argmax() == 10 * 16 + 10  # an eighth of 16 pixels
    assert change_cells(image, ("cutout",), middle).abs().sum() == 0
    corner = change_cells(
        torch.ones(1, 3, 16, 16), ("cutout",), torch.zeros(1, CHANCES)
    )
    assert (corner == 0).sum() == 3 * 4 * 4


def test_augmentation_of_a_batch_is_the_same_for_all_of_a_kind():
    settings = TINY.model_copy(update={"augment": ("cutout",), "batch": 64})
    batch = make_batches(settings).draw("critic", 0)
    assert (batch.real == 0).any(1).float().mean() > 0.1
    holes = batch.augment(torch.ones_like(batch.real)) == 0
    assert 0.05 < holes.float().mean() < 0.3


def test_embedding_and_batch_norm_tell_the_label():
    z = torch.randn(1, 8).expand(2, -1)
    for conditioning in ("embedding", "batch_norm"):
        network = Generator(16, 4, 8, 2, conditioning).eval()
        if conditioning == "batch_norm":
            for name, weight in network.named_parameters():
                if "scale" in name:
                    torch.nn.init.normal_(weight)
        made = network(z, torch.tensor([0, 1])).detach()
        assert not torch.allclose(made[0], made[1])


def test_the_average_follows_the_generator_by_its_decay():
    training = make_training(TINY.model_copy(update={"ema": 0.15}))
    name = "project.weight"
    expected = training.model.generator.state_dict()[name].clone()
    for keep in (1 / 11, 0.15):  # 2 / 12 would be more than the decay
        training.run_iteration(make_batches())
        new = training.model.generator.state_dict()[name]
        expected = keep * expected + (1 - keep) * new
        torch.testing.assert_close(
            training.average.generator.state_dict()[name], expected
        )
        assert not torch.equal(expected, new)


def test_dcgan_averages_the_class_that_it_teaches_by_that_class_s_own_turns():
    training = make_training(TINY.model_copy(update={"ema": 0.12}), "dcgan")
    batches = make_batches()
    turns = dict.fromkeys(batches.present, 0)
    name = "0.weight"
    for turn in range(2 * len(batches.present) + 1):
        taught = batches.present[turn % len(batches.present)]
        before = {k: training.average.generator[k].state_dict() for k in turns}
        before = {
            k: {n: w.clone() for n, w in own.items()} for k, own in before.items()
        }
        training.run_iteration(batches)
        turns[taught] += 1
        # 1 / 11 at its first turn, then the decay, whatever the others did meanwhile.
        keep = min(0.12, turns[taught] / (10 + turns[taught]))
        new = training.model.generator[taught].state_dict()[name]
        expected = keep * before[taught][name] + (1 - keep) * new
        average = training.average.generator[taught].state_dict()[name]
        torch.testing.assert_close(average, expected)
        for other in set(turns) - {taught}:
            for key, weight in training.average.generator[other].state_dict().items():
                assert torch.equal(weight, before[other][key]), (taught, other)


def test_a_lazy_penalty_stays_in_the_log():
    settings = TINY.model_copy(
        update={"critic_steps": 1, "penalty_every": 16, "iterations": 30}
    )
    training = make_training(settings)
    train_gan(training, make_batches(settings), NOWHERE)
    assert [row["penalty"] > 0 for row in training.losses] == [True] * 3


def test_a_training_killed_right_after_a_drawing_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "FIRST_DRAWING", 2)
    monkeypatch.setattr(engine, "LOG_EVERY", 2)
    monkeypatch.setattr(engine, "SAVE_SECONDS", -1)
    state = tmp_path / "state.pt"
    training = make_training()
    save = training.save

    def save_and_die(path):
        save(path)
        if training.iteration == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        train_gan(training, make_batches(), state)
    resumed = make_training()
    train_gan(resumed, make_batches(), state)
    assert list(resumed.drawings) == [2, 4, 6]


def test_an_end_between_two_rows_leaves_no_state(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "LOG_EVERY", 4)
    monkeypatch.setattr(engine, "SAVE_SECONDS", -1)
    state = tmp_path / "state.pt"
    train_gan(make_training(), make_batches(), state)  # 6 iterations
    longer = make_training(TINY.model_copy(update={"iterations": 8}))
    train_gan(longer, make_batches(), state)
    assert [row["iteration"] for row in longer.losses] == [4, 8]


def test_a_damaged_state_is_named(tmp_path):
    state = tmp_path / "state.pt"
    for damage in (b"", b"no state"):
        state.write_bytes(damage)
        with pytest.raises(StudyError, match=r"state\.pt.*damaged; delete it"):
            make_training().load(state)


def test_every_class_of_dcgan_is_in_the_losses_and_watched():
    settings = TINY.model_copy(update={"iterations": 20})
    training = make_training(settings, "dcgan")
    train_gan(training, make_batches(settings), NOWHERE)
    assert training.numbers.keys() == {0, 1}
    for name in ("critic_loss", "generator_loss"):
        last = [training.numbers[label][name].item() for label in (0, 1)]
        assert last[0] != last[1]
        assert training.losses[-1][name] == pytest.approx(sum(last) / 2)

    # Class 1 is taught before each look at the losses, class 0 is not.
    broken = make_training(settings, "dcgan")
    broken.model.generator[0][0].weight.data.fill_(float("nan"))
    with pytest.raises(StudyError, match=r"not finite\) at iteration 10"):
        train_gan(broken, make_batches(settings), NOWHERE)


def test_a_broken_weight_stops_a_training_whose_losses_are_fine():
    training = make_training()
    training.run_iteration(make_batches())
    training.average.generator.project.weight.data[0] = float("inf")
    with pytest.raises(StudyError, match=r"a weight is not finite\) at iteration 1"):
        training.log()


def test_one_collapsed_class_is_enough_to_stop(monkeypatch):
    monkeypatch.setattr(engine, "LOG_EVERY", 1)
    training = make_training(TINY.model_copy(update={"iterations": 50}))
    cells = torch.randint(0, 255, (2, 4, 16, 16, 3)).to(torch.uint8)
    cells[1] = 7
    monkeypatch.setattr(training, "draw_latents", lambda: cells)
    with pytest.raises(
        StudyError, match=r"its bright cells all.*too young to have a saved"
    ):
        train_gan(training, make_batches(), NOWHERE)


def test_infogan_needs_room_for_its_codes():
    with pytest.raises(StudyError, match=r"gan\.latent"):
        build_gan("infogan", 16, 2, TINY.model_copy(update={"latent": 1}), 1)


def test_drawings_are_of_fixed_latents_at_doubling_times(monkeypatch):
    monkeypatch.setattr(engine, "FIRST_DRAWING", 2)
    training = make_training(TINY.model_copy(update={"iterations": 9}))
    train_gan(training, make_batches(), NOWHERE)
    assert list(training.drawings) == [2, 4, 8, 9]
    assert training.drawings[2].shape == (2, 4, 16, 16, 3)
    assert training.drawings[2].dtype == torch.uint8


def test_losses_do_not_depend_on_how_long_a_training_is():
    runs = []
    for iterations in (10, 13):
        training = make_training(TINY.model_copy(update={"iterations": iterations}))
        train_gan(training, make_batches(), NOWHERE)
        runs.append(training.losses)
    assert [row["iteration"] for row in runs[1]] == [10, 13]
    assert runs[0] == runs[1][:1]


def test_a_diverged_training_stops_with_advice_and_keeps_the_last_good_state(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "SAVE_SECONDS", -1)
    monkeypatch.setattr(engine, "LOG_EVERY", 1)
    settings = TINY.model_copy(update={"iterations": 5})
    training, state = make_training(settings), tmp_path / "state.pt"
    run_iteration = training.run_iteration

    def break_down(batches):
        if training.iteration == 3:
            training.model.critic[0].weight.data.fill_(float("nan"))
        run_iteration(batches)

    monkeypatch.setattr(training, "run_iteration", break_down)
    with pytest.raises(
        StudyError,
        match=r"not finite\) at iteration 4; lower gan.* iteration 3 is kept",
    ):
        train_gan(training, make_batches(), state)
    shorter = make_training(settings.model_copy(update={"iterations": 3}))
    train_gan(shorter, make_batches(), state)
    assert shorter.iteration == 3
    assert weights_of(shorter).isfinite().all()


def test_a_collapsed_generator_stops_the_training(monkeypatch):
    monkeypatch.setattr(engine, "LOG_EVERY", 1)
    training = make_training(TINY.model_copy(update={"iterations": 50, "ema": 0.0}))
    with torch.no_grad():  # G's last layer says black, whatever it is asked
        training.model.generator.grow[-2].weight.zero_()
        training.model.generator.grow[-2].bias.fill_(-1e4)
    with pytest.raises(StudyError, match=r"collapsed.* at iteration 45"):
        train_gan(training, make_batches(), NOWHERE)


def test_a_state_further_than_the_study_wants_is_an_error(tmp_path):
    training = make_training()
    train_gan(training, make_batches(), NOWHERE)
    training.save(tmp_path / "state.pt")
    shorter = make_training(TINY.model_copy(update={"iterations": 2}))
    with pytest.raises(StudyError, match=r"gan\.iterations is 2.*delete"):
        train_gan(shorter, make_batches(), tmp_path / "state.pt")


def test_a_full_disk_keeps_the_state_before(tmp_path):
    state = tmp_path / "state.pt"
    training = make_training()
    training.save(state)
    content = state.read_bytes()
    training.run_iteration(make_batches())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2, limits[1]))
    try:
        with pytest.raises(
            StudyError, match=r"at iteration 1; make room and start.* iteration 0 is"
        ):
            training.save(state)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert state.read_bytes() == content
    assert list(tmp_path.iterdir()) == [state]
