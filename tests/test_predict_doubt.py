"""predict.py: its columns of doubt rest on the validation cells beside the model."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from new_images import CLASSES, SIZE, make_reference, run, write_image
from PIL import Image
from tiny_classifiers import tiny_cnn, untrained

from cytobalance.classify.cells import Cells
from cytobalance.evaluate.predictions import Predictions
from cytobalance.evaluate.ranking import choose_threshold
from cytobalance.prediction.gathering import gather_reference
from cytobalance.prediction.judgement import Judge
from cytobalance.prediction.nearness import COMPONENTS, find_colours, learn_nearness
from cytobalance.prediction.reference import (
    FILE,
    Reference,
    read_reference,
    write_reference,
)
from cytobalance.prediction.temperature import fit_temperature, scale


def make_judge(reference: Reference, coverage=0.9, specificity=0.99) -> Judge:
    trials = [untrained(tiny_cnn(), 2, SIZE, seed) for seed in range(2)]
    return Judge(trials, CLASSES, reference, coverage, specificity)


def draw_images(count: int, seed: int = 0, high: int = 256) -> np.ndarray:
    stream = np.random.default_rng(seed)
    return stream.integers(0, high, (count, SIZE, SIZE, 3), np.uint8)


def test_probabilities_are_scaled_by_the_temperature_of_the_validation_cells():
    reference = make_reference()
    judge = make_judge(reference)
    images = draw_images(6)
    raw = np.mean([t.chances(to_tensor(images)).numpy() for t in judge.trials], 0)
    temperature = fit_temperature(reference.probability, reference.label)
    assert temperature != 1
    found = judge.judge(images)
    np.testing.assert_allclose(found.probability, scale(raw, temperature), atol=1e-6)
    assert (found.predicted == raw.argmax(1)).all()


def to_tensor(images):
    import torch

    return torch.from_numpy(images)


def test_the_rare_class_is_called_above_the_threshold_of_the_validation_cells():
    reference = make_reference()
    judge = make_judge(reference, specificity=0.8)
    known = scale(reference.probability, judge.temperature)
    wanted = choose_threshold(known[reference.label == 0, 1], 0.8)
    assert judge.thresholds == {"monocyte": wanted}  # it had fewer training cells
    found = judge.judge(draw_images(20))
    assert (found.called[:, 0] == (found.probability[:, 1] > wanted)).all()


def test_a_class_of_few_validation_cells_is_in_every_set_and_that_is_stated(
    model, capsys
):
    write_image(Path("a.png"))
    write_reference(model, make_reference((50, 5)))
    _, table, said = run(capsys, "a.png")
    assert "in every set" in said and "fewer than the 9" in said
    assert "monocyte (5)" in said
    assert "monocyte" in table["set"][0].split("|")
    _, table, said = run(capsys, "--coverage", "0.8", "a.png")
    assert "in every set" not in said and "80 % of each class" in said


def test_columns_of_doubt_agree(model, capsys):
    for seed in range(12):
        write_image(Path(f"new/{seed}.png"), seed)
    write_reference(model, make_reference((30, 30)))
    _, table, _ = run(capsys, "--coverage", "0.6", "new")
    sure = table["unsure"] == "no"
    assert (table.loc[sure, "set"] == table.loc[sure, "predicted"]).all()
    assert (table.loc[~sure, "set"] != table.loc[~sure, "predicted"]).all()
    assert (table["unlike_training"] == "").all()  # this one can't compare


def write_frame(path: str, cell: np.ndarray) -> None:
    """A PNG of twice the side, of which training keeps the half in the middle."""
    frame = np.zeros((2 * SIZE, 2 * SIZE, 3), np.uint8)
    frame[SIZE // 2 : -SIZE // 2, SIZE // 2 : -SIZE // 2] = cell
    Image.fromarray(frame).save(path)


def test_images_unlike_those_of_training_are_marked(model, capsys):
    first = untrained(tiny_cnn(), 2, SIZE)
    stack, labels = draw_images(80, high=40), np.repeat([0, 1], 40)
    seen = {"colours": find_colours(stack)}
    seen["features"] = first.features(to_tensor(stack)).numpy()
    near = {way: learn_nearness(values, labels) for way, values in seen.items()}
    distance = {way: near[way].distance(values) for way, values in seen.items()}
    write_frame("like.png", draw_images(1, 3, 40)[0])
    write_frame("unlike.png", draw_images(1, 3)[0])
    write_frame("empty.png", np.full((SIZE, SIZE, 3), 20))
    expected = {"features": "features", "colours": "colours", "": "features|colours"}
    for way, marked in expected.items():
        ways = [way] if way else ["features", "colours"]
        parts = [{name: held[name] for name in ways} for held in (near, distance)]
        write_reference(model, make_reference(nearness=parts[0], distance=parts[1]))
        _, table, said = run(capsys, "like.png", "unlike.png", "empty.png")
        assert list(table["unlike_training"][:2]) == ["no", marked]
        assert ("looks at colours alone" in said) == (way == "colours")
        if way != "features":  # which an empty field may lack as a cell does
            assert "colours" in table["unlike_training"][2]


def test_colours_are_of_each_channel_and_of_the_edge():
    image = np.zeros((1, 4, 4, 3), np.uint8)
    image[..., 0] = 100
    image[0, 1:3, 1:3, 1] = 80
    found = find_colours(image)[0]
    np.testing.assert_allclose(found[:3], [100, 20, 0])
    np.testing.assert_allclose(found[3:6], np.log1p([0, image[..., 1].std(), 0]))
    np.testing.assert_allclose(found[6:], [100, 0, 0])


def test_distance_is_mahalanobis_to_the_nearest_class():
    stream = np.random.default_rng(0)
    label = np.repeat([0, 2], 500)  # class 1 has no cells
    mix = stream.normal(size=(4, 4))
    features = stream.normal(size=(1000, 4)) @ mix + 30 * label[:, None]
    near = learn_nearness(features, label)
    assert near.means.shape == (2, 4) and len(near.components) == 2 <= COMPONENTS
    distance = near.distance(features)
    assert distance.mean() == pytest.approx(4, rel=0.1)  # chi-squared, four features
    far = near.distance(features.mean(0, keepdims=True))  # between the classes
    assert far > np.quantile(distance, 0.999)


def test_features_that_never_vary_give_a_finite_distance():
    near = learn_nearness(np.ones((5, 3)), np.zeros(5, int))
    assert near.distance(np.ones((1, 3))) == pytest.approx(0)
    assert np.isfinite(near.distance(np.zeros((1, 3)))).all()


def cells_of(count: int, seed: int, synthetic: int) -> Cells:
    import torch

    made = torch.arange(count) >= count - synthetic
    label = torch.arange(count) % 2
    return Cells(to_tensor(draw_images(count, seed)), label, made.double(), made)


def test_what_is_left_beside_a_model_comes_from_real_training_and_validation_cells():
    first = untrained(tiny_cnn(), 2, SIZE)
    parts = {"train": cells_of(30, 1, 10), "validation": cells_of(12, 2, 4)}
    label = parts["validation"].labels.numpy()
    p = np.random.default_rng(0).dirichlet([1, 1], size=(2, 12))
    validation = Predictions(
        *(tuple(CLASSES), np.arange(12).astype(str)),
        origin=np.where(parts["validation"].synthetic, "synthetic", "real"),
        label=label,
        group=np.arange(12),
        predicted=p.argmax(-1),
        probability=p,
    )
    found = gather_reference(first, parts, validation, "abc")
    np.testing.assert_array_equal(found.training_cells, [10, 10])
    np.testing.assert_array_equal(found.label, label[:8])
    np.testing.assert_allclose(found.probability, p.mean(0)[:8])
    real = first.features(parts["validation"].images[:8]).numpy()
    near = found.nearness["features"]
    np.testing.assert_allclose(found.distance["features"], near.distance(real))
    learned = first.features(parts["train"].images[:20]).numpy()
    wanted = learn_nearness(learned, parts["train"].labels.numpy()[:20])
    np.testing.assert_array_equal(near.means, wanted.means)
    colours = find_colours(parts["validation"].images[:8].numpy())
    wanted = found.nearness["colours"].distance(colours)
    np.testing.assert_allclose(found.distance["colours"], wanted)
    blind = SimpleNamespace(features=lambda images: None)  # as scikit-learn's kind
    found = gather_reference(blind, parts, validation, "abc")
    assert list(found.nearness) == list(found.distance) == ["colours"]


def test_it_is_read_back_as_it_was_and_written_the_same(tmp_path):
    near = learn_nearness(
        np.random.default_rng(0).normal(size=(9, 6)), np.arange(9) % 2
    )
    reference = make_reference(
        nearness={"colours": near}, distance={"colours": np.arange(100.0)}
    )
    for name in ("one", "two"):
        write_reference(tmp_path / name, reference)
    data = [(tmp_path / name / FILE).read_bytes() for name in ("one", "two")]
    assert data[0] == data[1]
    found = read_reference(tmp_path / "one", 2, "abc")
    np.testing.assert_array_equal(found.probability, reference.probability)
    assert list(found.nearness) == list(found.distance) == ["colours"]
    components = found.nearness["colours"].components
    np.testing.assert_array_equal(components, near.components)
    np.testing.assert_array_equal(found.distance["colours"], np.arange(100.0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.unlink(), "of an older version lacks; train it again"),
        (lambda path: path.write_bytes(path.read_bytes()[:-60]), "is damaged"),
        (lambda path: flip(path), "is damaged"),
        (
            lambda path: write_reference(path.parent, make_reference(predictions="x")),
            "is of another training",
        ),
    ],
)
def test_a_model_without_its_validation_cells_is_refused(model, capsys, change, words):
    write_image(Path("a.png"))
    change(model / FILE)
    code, table, said = run(capsys, "a.png")
    assert (code, len(table), said.count("\n")) == (1, 0, 1)
    assert words in said


def flip(path: Path) -> None:
    """One bit of the probabilities."""
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("text", ["0", "1", "90", "x"])
def test_an_impossible_coverage_is_a_wrong_option(model, capsys, text):
    code, table, said = run(capsys, "--coverage", text, "a.png")
    assert code == 2 and table.empty and "--coverage" in said
