"""Changes of the views: each does what it says, and no more."""

import pytest
import torch

from cytobalance.balance.settings import Augment, Mix
from cytobalance.classify import augmentation
from cytobalance.classify.augmentation import EOSIN, METHYLENE_BLUE, augment_views
from cytobalance.classify.cells import Cells
from cytobalance.classify.mixing import Mixer

SIDE = 16


@pytest.fixture
def most(monkeypatch):
    """Every even draw is 1: each change is as large as it may be."""
    ones = lambda stream, *shape: torch.ones(*shape)  # noqa: E731
    monkeypatch.setattr(augmentation, "_even", ones)


def images(count: int = 4) -> torch.Tensor:
    stream = torch.Generator().manual_seed(3)
    return torch.rand(count, 3, SIDE, SIDE, generator=stream) * 255


def views(given: torch.Tensor, seed: int = 1, **amounts) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seed)
    return augment_views(given.clone(), Augment(**amounts), stream)


def test_nothing_asked_for_changes_nothing():
    assert not Augment().active
    assert torch.equal(views(images()), images())


def test_a_quarter_turn_is_exact(most):
    turned = views(images(), turn=90.0)
    torch.testing.assert_close(turned, images().rot90(1, (2, 3)), atol=0.02, rtol=0)


def test_a_mirrored_view_is_the_image_from_right_to_left():
    given = images(40)
    seen = views(given, mirror=True)
    same = (seen - given).abs().amax((1, 2, 3)) < 0.02
    flipped = (seen - given.flip(3)).abs().amax((1, 2, 3)) < 0.02
    assert (same ^ flipped).all() and 8 < flipped.sum() < 32


def test_a_shift_moves_right_and_down_together_by_its_part_of_the_side(most):
    seen = views(images(), shift=0.25)
    torch.testing.assert_close(
        seen[..., :12, :12], images()[..., 4:, 4:], atol=0.02, rtol=0
    )


def test_zoom_changes_the_size_of_what_is_seen(most):
    given = torch.zeros(1, 3, SIDE, SIDE)
    given[..., 4:12, 4:12] = 200.0
    area = [(v[0, 0] > 100).sum().item() for v in (given, views(given, zoom=0.5))]
    assert area[0] == 64 and area[1] == pytest.approx(64 / 1.5**2, abs=10)


def test_shear_slants_columns_and_keeps_the_middle(most):
    given = torch.zeros(1, 3, SIDE, SIDE)
    given[..., 7:9] = 200.0
    column = views(given, shear=0.5)[0, 0].argmax(1).float()
    assert (column[0] - column[-1]).abs() >= 5 and 6 <= column[8] <= 9


def test_stain_scales_the_density_of_each_stain_and_leaves_white(most):
    stain = torch.tensor([METHYLENE_BLUE, EOSIN])
    density = torch.stack([0.5 * stain[0], 0.4 * stain[1], torch.zeros(3)])
    colours = 256 * (-density).exp() - 1
    given = colours[None, :, :, None].permute(0, 2, 1, 3).expand(1, 3, 3, 3)
    seen = views(given.contiguous(), stain=0.2)
    wanted = 256 * (-1.2 * density).exp() - 1
    torch.testing.assert_close(seen[0, :, :, 0].T, wanted, atol=0.01, rtol=0)
    assert torch.allclose(seen[0, :, 2], torch.tensor(255.0), atol=0.01)


def test_brightness_is_a_factor_of_all_colours(most):
    torch.testing.assert_close(
        views(images() / 2, brightness=0.5), (images() / 2 * 1.5)
    )


def test_cutout_hides_a_square_of_its_side_in_the_mean_colour(monkeypatch):
    given = images()
    middle = lambda *shape, generator: torch.full(shape, 0.5)  # noqa: E731
    monkeypatch.setattr(augmentation.torch, "rand", middle)
    seen = views(given, cutout=0.5)
    changed = (seen != given).all(1)
    assert changed.sum((1, 2)).tolist() == [64] * 4
    assert changed[:, 4:12, 4:12].all()
    torch.testing.assert_close(seen[:, :, 8, 8], given.mean((2, 3)))


def test_the_same_stream_gives_the_same_views_within_the_range_of_colours():
    amounts = {
        **{"turn": 180.0, "mirror": True, "shift": 0.2, "zoom": 0.3, "shear": 0.2},
        **{"stain": 0.5, "brightness": 0.9, "cutout": 0.3},
    }
    seen = [views(images(), seed, **amounts) for seed in (1, 1, 2)]
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])
    assert seen[0].min() >= 0 and seen[0].max() <= 255
    assert seen[0].shape == images().shape


def cells() -> Cells:
    """90 cells of class 0 and 10 of class 1."""
    labels = (torch.arange(100) >= 90).long()
    weights = torch.ones(100, dtype=torch.float64)
    none = torch.zeros(100, dtype=torch.bool)
    return Cells(torch.zeros(100, 2, 2, 3, dtype=torch.uint8), labels, weights, none)


def mixer(**parts) -> Mixer:
    return Mixer(Mix(**parts), cells(), 4_000, seed=1)


def test_mixup_adds_the_partners_part():
    first, second = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 100.0)
    parts = torch.tensor([0.25, 1.0])
    seen, kept = mixer(how="mixup").apply(first, second, parts)
    assert torch.equal(seen[0].unique(), torch.tensor([25.0]))
    assert torch.equal(seen[1], second[1]) and torch.equal(kept, parts)


def test_cutmix_pastes_a_square_and_counts_what_is_seen_of_it():
    first, second = torch.zeros(50, 3, 20, 20), torch.ones(50, 3, 20, 20)
    seen, kept = mixer(how="cutmix").apply(first, second, torch.full((50,), 0.25))
    torch.testing.assert_close(seen.mean((1, 2, 3)), kept)
    assert kept.max() == 0.25 and kept.min() < 0.25  # some are cut at an edge
    nothing, none = mixer(how="cutmix").apply(first, second, torch.zeros(50))
    assert torch.equal(nothing, first) and not none.any()


def test_partners_are_drawn_as_views_are_or_every_class_equally_often():
    rare = cells().labels == 1
    as_views = mixer(how="mixup", alpha=0.2)
    even = mixer(how="mixup", partner="even", alpha=0.2)
    assert rare[as_views.partners].float().mean() == pytest.approx(0.1, abs=0.02)
    assert rare[even.partners].float().mean() == pytest.approx(0.5, abs=0.04)
    # Means of Beta(0.2, 0.2) and of Beta(0.2, 1).
    assert as_views.parts.mean() == pytest.approx(0.5, abs=0.03)
    assert even.parts.mean() == pytest.approx(1 / 6, abs=0.02)
