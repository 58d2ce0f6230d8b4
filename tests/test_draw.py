"""Pictures of cells: pixels stay pixels, bytes stay bytes, simulated is marked."""

import numpy as np
from PIL import Image

from cytobalance.draw.montage import enlarge, montage
from cytobalance.draw.sheet import draw_gan_sheet
from cytobalance.draw.style import balancer_colours, class_colours


def cells(count: int, size: int = 32, seed: int = 0) -> np.ndarray:
    stream = np.random.default_rng(seed)
    return stream.integers(0, 200, (count, size, size, 3), dtype=np.uint8)


def test_enlarging_keeps_every_pixel_and_adds_none():
    images = cells(2)
    large = enlarge(images, 72)
    assert large.shape == (2, 96, 96, 3)
    assert np.array_equal(large[:, ::3, ::3], images)
    assert np.array_equal(large[:, 1::3, 2::3], images)


def test_large_cells_are_drawn_as_they_are():
    assert enlarge(cells(1, 128), 72).shape == (1, 128, 128, 3)


def test_montage_puts_each_image_at_its_place_and_pads_with_white():
    images = cells(5)
    sheet = montage(images, columns=3, least=32, gap=2)
    assert sheet.shape == (66, 100, 3)
    assert np.array_equal(sheet[34:66, 34:66], images[4])
    assert (sheet[34:, 68:] == 255).all()
    assert montage(images[:0], columns=3, least=32, gap=2).shape == (32, 100, 3)


def test_sheet_shows_real_left_and_synthetic_right(tmp_path):
    red = np.zeros((8, 32, 32, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    blue = red[..., ::-1].copy()
    path = tmp_path / "sheet.png"
    counts = {"basophil": (8, 8), "monoblast": (8, 0)}
    real = {"basophil": red, "monoblast": red}
    draw_gan_sheet(
        real, {"basophil": blue, "monoblast": blue[:0]}, path, "t", counts, False
    )
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    is_red = (pixels == [255, 0, 0]).all(-1)
    is_blue = (pixels == [0, 0, 255]).all(-1)
    assert is_red.sum() == 16 * 96 * 96
    assert is_blue.sum() == 8 * 96 * 96
    assert np.argwhere(is_red)[:, 1].max() < np.argwhere(is_blue)[:, 1].min()


def test_sheet_bytes_are_stable_and_the_simulated_mark_changes_them(tmp_path):
    images = {"basophil": cells(8)}
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for path, simulated in zip(paths, (True, True, False), strict=True):
        draw_gan_sheet(images, images, path, "t", {"basophil": (8, 8)}, simulated)
    first, second, unmarked = (path.read_bytes() for path in paths)
    assert first == second
    assert first != unmarked


def test_classes_outside_the_taxonomy_get_a_colour_of_their_own():
    colours = class_colours(("basophil", "all", "hem"))
    assert len(set(colours.values())) == 3
    assert balancer_colours(("plain", "smote", "adasyn"))["plain"] == "#8a94a0"
