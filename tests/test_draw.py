"""Pictures of cells: pixels stay pixels, bytes stay bytes, simulated is marked."""

import numpy as np
import pandas as pd
import pytest
import torch
from cell_sets import picks_of
from PIL import Image

from cytobalance.assess.cell_sheet import draw_gan_sheet
from cytobalance.assess.closest_sheet import describe, draw_closest_sheet
from cytobalance.assess.memorisation import pick_cells, search_copies
from cytobalance.assess.picks import PAIRS, read_picks, write_picks
from cytobalance.assess.selection import ClassCells
from cytobalance.assess.training_log import Drawings
from cytobalance.assess.training_sheet import draw_training_sheet
from cytobalance.curation.census_sheet import draw_class_counts, draw_samples
from cytobalance.curation.copies_sheet import draw_gallery, draw_review
from cytobalance.draw.html import keep_percent
from cytobalance.draw.montage import enlarge, montage
from cytobalance.draw.style import balancer_colours, class_colours
from cytobalance.study.cells import CellSet


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
    picks = {
        "basophil": picks_of(red, blue, 8, 8),
        "monoblast": picks_of(red, blue[:0], 8, 0),
    }
    draw_gan_sheet(picks, path, "t", False)
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    is_red = (pixels == [255, 0, 0]).all(-1)
    is_blue = (pixels == [0, 0, 255]).all(-1)
    assert is_red.sum() == 16 * 96 * 96
    assert is_blue.sum() == 8 * 96 * 96
    assert np.argwhere(is_red)[:, 1].max() < np.argwhere(is_blue)[:, 1].min()


def test_sheet_bytes_are_stable_and_the_simulated_mark_changes_them(tmp_path):
    picks = {"basophil": picks_of(cells(8), cells(8), 8, 8)}
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for path, simulated in zip(paths, (True, True, False), strict=True):
        draw_gan_sheet(picks, path, "t", simulated)
    first, second, unmarked = (path.read_bytes() for path in paths)
    assert first == second
    assert first != unmarked


def pixels_of(path, colour) -> np.ndarray:
    """Rows and columns of a PNG's pixels of one colour: int [N, 2]."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    return np.argwhere((pixels == colour).all(-1))


def searched(cells: ClassCells):
    found = search_copies(
        cells.synthetic, cells.training, cells.held_out, torch.device("cpu")
    )
    return pick_cells(cells, found, len(cells.synthetic))


RED, BLUE, GREEN = np.array([(255, 0, 0), (0, 0, 255), (0, 255, 0)], np.uint8)
NEARLY_RED = RED - np.array([5, 0, 0], np.uint8)


@pytest.fixture
def copier() -> ClassCells:
    """A GAN that copied the one training cell with a green corner, turned by 90 deg."""
    training = cells(30, seed=1)
    training[7] = RED
    training[7, 1:9, 1:9] = GREEN
    made = cells(12, seed=2)
    made[4] = np.rot90(training[7])
    made[4][(made[4] == RED).all(-1)] = NEARLY_RED
    held_out = cells(25, seed=3)
    return ClassCells(training, training, made, held_out)


def test_closest_sheet_shows_the_copy_left_of_its_original_turned_alike(
    tmp_path, copier
):
    path = tmp_path / "closest.png"
    draw_closest_sheet({"basophil": searched(copier)}, path, "t", False)
    copy, original = pixels_of(path, NEARLY_RED), pixels_of(path, RED)
    assert len(copy) == len(original) == (32 * 32 - 64) * 9
    assert (original - copy == [0, 98]).all()  # beside it, pixel for pixel
    assert len(pixels_of(path, GREEN)) == 2 * 64 * 9


def test_closest_sheet_without_held_out_or_synthetic_cells(tmp_path, copier):
    unseen = ClassCells(
        copier.training, copier.real, copier.synthetic, copier.held_out[:0]
    )
    none = ClassCells(
        copier.training, copier.real, copier.synthetic[:0], copier.held_out
    )
    rows = {"basophil": searched(unseen), "monoblast": searched(none)}
    assert describe(rows["basophil"])[1] == "no held-out cells, no level"
    assert describe(rows["monoblast"]) == ("0 synthetic cells", "")
    assert describe(searched(copier))[1].startswith("8.3 % below 0.9")
    path = tmp_path / "closest.png"
    draw_closest_sheet(rows, path, "t", False)
    assert len(pixels_of(path, RED)) == (32 * 32 - 64) * 9
    draw_closest_sheet({"monoblast": searched(none)}, path, "t", True)
    assert path.stat().st_size > 0


NAMES = ("a $x$ b", r"$\frac{$", r"\_^$$", "Icon\r", "a\nb", "單核球", "&<'\"")


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", NAMES)
def test_titles_and_files_are_no_formulas(name, tmp_path):
    table = pd.DataFrame({"file": [f"x/{name}", "y"]})
    held = {"lab": CellSet(cells(2), table)}
    review = pd.DataFrame(
        {"cluster": "d1", "source": "lab", "file": table["file"], "type": name}
        | {"proposed": "drop", "decision": ["", name]}
    )
    pairs = pd.DataFrame(
        {"kind": "near", "source_a": "lab", "file_a": [f"x/{name}"]}
        | {"source_b": "lab", "file_b": "y", "correlation": 0.9}
    )
    counts = pd.DataFrame({name: [3, 4]}, index=["basophil", "monoblast"])
    draw_review(tmp_path / "1.png", review, held, name, False)
    draw_gallery(tmp_path / "2.png", pairs, held, name, False)
    draw_class_counts(tmp_path / "3.png", counts, name, False)
    draw_samples(tmp_path / "4.png", {name: cells(2)}, name, False)
    picks = {name: picks_of(cells(1), cells(1), 1, 1)}
    draw_gan_sheet(picks, tmp_path / "5.png", name, True)
    assert all((tmp_path / f"{k}.png").stat().st_size > 0 for k in range(1, 6))


def test_a_dollar_is_drawn_as_one(tmp_path):
    counts = pd.DataFrame({"lab": [3, 4]}, index=["basophil", "monoblast"])
    widths = []
    for number, title in enumerate(("$aaaaaaaaaa$", "aaaaaaaaaa")):
        path = tmp_path / f"{number}.png"
        draw_class_counts(path, counts, title, False)
        top = np.asarray(Image.open(path).convert("L"))[:40]
        widths.append(np.ptp(np.flatnonzero((top < 128).any(0))))
    assert widths[0] > widths[1] + 10  # a formula would have no `$`, and lean


def test_training_sheet_shows_eight_moments_with_the_first_and_the_last(tmp_path):
    images = np.full((12, 2, 4, 16, 16, 3), 90, np.uint8)
    images[0, 0, :2], images[11, 1, :2], images[:, :, 2:] = RED, BLUE, GREEN
    drawings = Drawings(np.arange(12) * 10, images)
    path = tmp_path / "training.png"
    draw_training_sheet(drawings, ("basophil", "monoblast"), path, "t", False)
    red, blue = pixels_of(path, RED), pixels_of(path, BLUE)
    assert len(red) == len(blue) == 2 * 80 * 80
    # First and last column, first and second row; the third latent is not shown.
    assert (red.max(0) < blue.min(0)).all()
    assert len(pixels_of(path, GREEN)) == 0
    assert len(pixels_of(path, (90, 90, 90))) == (8 * 2 - 2) * 2 * 80 * 80
    first = path.read_bytes()
    draw_training_sheet(drawings, ("basophil", "monoblast"), path, "t", False)
    assert path.read_bytes() == first


def test_a_number_and_its_percent_stay_together_in_text_alone():
    skipped = """<a title="5 %, a > b" href='5 %.png'><style>b{left:5 %}</style>
    <script type="application/json">{"a":"5 % <b>6 %</b>"}</script><!-- 5 % > 6 % -->"""
    page = "5 % of {}it's 7 %, <b>5</b> % and 8 % more"
    kept = "5\xa0% of {}it's 7\xa0%, <b>5</b> % and 8\xa0% more"
    assert keep_percent(page.format(skipped)) == kept.format(skipped)


def test_classes_outside_the_taxonomy_get_a_colour_of_their_own():
    colours = class_colours(("basophil", "all", "hem"))
    assert len(set(colours.values())) == 3
    assert balancer_colours(("plain", "smote", "adasyn"))["plain"] == "#8a94a0"


def test_picks_come_back_from_disk_as_they_were(tmp_path, copier):
    picks = {
        "basophil": searched(copier),
        "monoblast": picks_of(copier.real[:3], copier.synthetic[:0], 3, 0),
    }
    folder = tmp_path / "data/assess/heldout/acgan"
    folder.mkdir(parents=True)
    write_picks(folder, picks)
    back = read_picks(folder)
    assert list(back) == list(picks)
    for label, own in picks.items():
        for name, value in vars(own).items():
            there = getattr(back[label], name)
            if name in PAIRS:
                assert len(there) == len(value)
                for a, b in zip(there, value, strict=True):
                    assert np.array_equal(a.cell, b.cell)
                    assert np.array_equal(a.training, b.training)
                    assert np.isclose(
                        [a.ratio, a.distance], [b.ratio, b.distance]
                    ).all()
            elif isinstance(value, np.ndarray):
                assert np.array_equal(there, value)
            else:
                assert there == (pytest.approx(value, rel=1e-3) if value else value)
