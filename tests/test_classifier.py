"""The sequential CNN: its form, its draws, learning, repeating, and its stage."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from cell_sets import write_cells
from tiny_classifiers import CPU, TINY, tiny_cnn

import train_classifier
from cytobalance.balance.settings import Recipe
from cytobalance.classify import lesson as lesson_module
from cytobalance.classify.cells import (
    Cells,
    draw_order,
    draw_views,
    tabulate_views,
    to_float,
)
from cytobalance.classify.classifier import build_classifier, load_classifier
from cytobalance.classify.kinds.sequential_cnn import Blocks
from cytobalance.classify.network import balanced_accuracy
from cytobalance.study.cells import hash_file
from cytobalance.study.inputs import write_inputs
from cytobalance.study.runtime import StudyError, derive_seed
from cytobalance.study.tables import read_table, write_table

PARAMS = Path(__file__).parents[1] / "params.yaml"
CLASSES = ("basophil", "monocyte", "platelet")
SIZE = 16
KEY = "heldout-weighted-sequential_cnn"
# What the split of the tests holds: drawn unequally, with synthetic cells.
WEIGHTED = {"synthetic": "augmented", "sampling": "balanced"}
PLAIN = Recipe()
INPUTS = {"pbc": {"crop": 0.6, "depth": 0, "boxes": False, "origin": "simulated"}}


def blobs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [count, 16, 16, 3] whose colour tells the class, and labels int."""
    stream = np.random.default_rng(seed)
    labels = np.r_[np.arange(3), stream.choice(3, size=count - 3, p=(0.7, 0.2, 0.1))]
    images = stream.normal(200, 20, size=(count, SIZE, SIZE, 3))
    images[np.arange(count), 4:12, 4:12, :] -= 60
    for k, label in enumerate(labels):
        images[k, 4:12, 4:12, label] -= 50
    return images.clip(0, 255).astype(np.uint8), labels


def cells_of(count: int, seed: int) -> Cells:
    images, labels = blobs(count, seed)
    weights = torch.ones(count, dtype=torch.float64)
    synthetic = torch.zeros(count, dtype=torch.bool)
    return Cells(torch.from_numpy(images), torch.from_numpy(labels), weights, synthetic)


def fit(train: Cells, validation: Cells, recipe: Recipe = PLAIN, seed=1, **changes):
    """A tiny CNN that learned, its curve and the rows of its views."""
    classifier = build_classifier(tiny_cnn(**changes), len(CLASSES), SIZE, CPU)
    return classifier, *classifier.fit(train, validation, recipe, seed)


def test_the_network_is_four_blocks_dropout_and_one_layer():
    network = Blocks(classes=12, size=128, width=16, dropout=0.5)
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    shapes = [(m.in_channels, m.out_channels, *m.kernel_size) for m in convolutions]
    assert shapes == [(3, 16, 3, 3), (16, 32, 3, 3), (32, 64, 3, 3), (64, 128, 3, 3)]
    assert network.head.in_features == 128 * 8 * 8
    assert network(torch.zeros(2, 3, 128, 128)).shape == (2, 12)


def test_pooling_before_the_activation_is_the_papers_order():
    x = torch.randn(2, 3, 8, 8)
    pool, bend = torch.nn.MaxPool2d(2), torch.nn.LeakyReLU(0.01)
    assert torch.equal(pool(bend(x)), bend(pool(x)))


def test_images_enter_between_minus_one_and_one():
    images = torch.tensor([0, 255], dtype=torch.uint8).repeat_interleave(6)
    classifier = build_classifier(tiny_cnn(), 3, SIZE, CPU)
    values = classifier.see(to_float(images.view(2, 1, 2, 3)))
    assert values.shape == (2, 3, 1, 2)
    assert values[0].unique().item() == -1 and values[1].unique().item() == 1


def test_equal_weights_pass_over_every_cell_before_any_again():
    stream = torch.Generator().manual_seed(1)
    order = draw_order(torch.ones(10, dtype=torch.float64), 25, stream)
    counts = torch.bincount(order, minlength=10)
    assert len(order) == 25 and set(counts.tolist()) == {2, 3}
    assert order[:10].sort().values.equal(torch.arange(10))


def test_weighted_draws_bring_up_every_class_equally_often():
    weights = torch.tensor([1 / 90] * 90 + [1 / 10] * 10, dtype=torch.float64)
    stream = torch.Generator().manual_seed(1)
    order = draw_order(weights, 20_000, stream)
    assert abs((order >= 90).double().mean() - 0.5) < 0.02
    assert order.min() == 0 and order.max() == 99


def test_balanced_accuracy_weighs_classes_alike_and_ignores_absent_ones():
    labels = torch.tensor([0, 0, 0, 0, 2])
    right = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0]).double()
    assert balanced_accuracy(right, labels) == pytest.approx(0.375)


def test_synthetic_first_shows_the_same_views_in_another_order():
    cells = cells_of(40, 1)
    cells.synthetic[::4] = True
    cells.weights[::4] = 3.0
    mixed, first = (
        draw_views(cells, 200, order, torch.Generator().manual_seed(1))
        for order in ("mixed", "synthetic_first")
    )
    assert torch.equal(mixed.sort().values, first.sort().values)
    made = cells.synthetic[first]
    assert made[: made.sum()].all() and 80 < made.sum() < 120
    assert torch.equal(first[~made], mixed[~cells.synthetic[mixed]])


def test_views_are_counted_by_class_and_origin():
    cells = cells_of(12, 1)
    cells.synthetic[:2] = True
    rows = torch.tensor([0, 0, 1, 2, 11])
    table = pd.DataFrame(tabulate_views(cells, rows, CLASSES))
    assert table["cells"].sum() == 12 and table["views"].sum() == 5
    made = table[table["origin"] == "synthetic"].set_index("label")
    assert made["views"].to_dict() == {"basophil": 2, "monocyte": 1, "platelet": 0}


def test_it_learns_what_can_be_learned():
    classifier, curve, _ = fit(cells_of(200, 1), cells_of(60, 2))
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]
    test = cells_of(100, 3)
    right = classifier.logits(test.images).argmax(1) == test.labels
    assert right.double().mean() > 0.9


def test_the_epoch_kept_is_the_best_on_validation():
    # Validation cells whose labels are wrong: learning makes the score worse. Classes
    # are equally many, so that accuracy is balanced accuracy.
    cells = cells_of(200, 1)
    even = cells_of(300, 2)
    rows = torch.cat([torch.where(even.labels == k)[0][:20] for k in range(3)])
    wrong = Cells(
        *(even.images[rows], (even.labels[rows] + 1) % 3),
        *(even.weights[rows], even.synthetic[rows]),
    )
    classifier, curve, _ = fit(cells, wrong, epochs=8, iterations=6)
    right = classifier.logits(wrong.images).argmax(1) == wrong.labels
    scores = [row["validation_accuracy"] for row in curve]
    assert right.double().mean().item() == pytest.approx(max(scores))
    assert scores[-1] < max(scores)


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    weights = [
        fit(cells_of(80, 1), cells_of(30, 2), seed=seed, epochs=1)[0].state()
        for seed in (1, 1, 2)
    ]
    assert torch.equal(weights[0]["head.weight"], weights[1]["head.weight"])
    assert not torch.equal(weights[0]["head.weight"], weights[2]["head.weight"])


def test_weights_dropout_order_and_mirroring_draw_from_streams_of_their_own():
    names = ("weights", "dropout", "order", "mirror", "augment")
    streams = [torch.Generator().manual_seed(derive_seed(7, name)) for name in names]
    draws = [torch.rand(50, generator=stream) for stream in streams]
    for k, draw in enumerate(draws):
        assert not any(torch.equal(draw, other) for other in draws[:k])
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        named = lesson_module.named_generator
        patch.setattr(
            lesson_module,
            "named_generator",
            lambda seed, name: asked.append((seed, name)) or named(seed, name),
        )
        patch.setattr(torch, "manual_seed", lambda seed: asked.append((seed, "global")))
        fit(cells_of(30, 1), cells_of(30, 2), seed=7, epochs=1)
    assert asked[:2] == [(derive_seed(7, name), "global") for name in names[:2]]
    assert asked[2:] == [(7, name) for name in names[2:]]


def test_a_weighted_draw_mirrors_as_an_even_one_does(monkeypatch):
    # Balancers share a trial's seed: what one draws does not shift what another does.
    seen = []

    def stop(lesson, steps, head_only):
        seen.append(steps)
        raise StopIteration

    monkeypatch.setattr(lesson_module.Lesson, "run_epoch", stop)
    for weight in (1, 9):
        cells = cells_of(30, 1)
        cells.weights[:5] = weight
        with pytest.raises(StopIteration):
            fit(cells, cells, seed=7)
    even, weighted = seen
    for (order, mirror), (other, same) in zip(even, weighted, strict=True):
        assert torch.equal(mirror, same) and not torch.equal(order, other)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A tiny study on disk, up to its split, as the current folder."""
    study = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    study["merge"]["classes"] = {label: [label] for label in CLASSES}
    study["image"]["size"] = SIZE
    study["oversample"]["neighbours"]["size"] = 8
    study["classifiers"] = {"sequential_cnn": TINY}
    study["balancers"] = {"plain": {}, "weighted": WEIGHTED}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    images, labels = blobs(160, 1)
    names = np.array(CLASSES)[labels]
    ids = [f"c{k}" for k in range(160)]
    table = pd.DataFrame({"cell_id": ids, "label": names, "group": ids})
    write_cells(tmp_path / "data/cells", images, table)
    write_inputs(tmp_path / "data/cells", INPUTS)
    part = np.array(["train"] * 7 + ["test"] * 2 + ["validation"])[np.arange(160) % 10]
    split = pd.DataFrame(
        {"cell_id": ids, "origin": "real", "row": range(160), "label": names}
    )
    split["part"] = part
    split["weight"] = np.where(part == "train", 1 / (1 + labels), 1.0)
    # A synthetic training cell of each class, so that both sources are read.
    made = split.iloc[:3].assign(origin="synthetic", row=[2, 1, 0], part="train")
    made["label"], made["cell_id"] = names[:3][::-1], ids[:3][::-1]
    split = pd.concat([split, made])
    write_table(tmp_path / "data/splits/heldout/weighted.csv", split)
    own = pd.DataFrame({"cell_id": ids[:3], "label": names[:3], "parent": ""})
    write_cells(tmp_path / "data/synthetic/heldout/augmented", images[:3], own)
    monkeypatch.chdir(tmp_path)
    arguments = "x --protocol heldout --balancer weighted --classifier sequential_cnn"
    monkeypatch.setattr("sys.argv", arguments.split())
    return tmp_path


def outputs(project: Path) -> dict[str, bytes]:
    kinds = ("predictions", "curves", "views")
    paths = [project / f"data/{kind}/{KEY}.csv" for kind in kinds]
    paths += sorted((project / f"models/classifiers/{KEY}").iterdir())
    return {path.name + path.parent.name: path.read_bytes() for path in paths}


def test_the_stage_writes_the_same_bytes_twice(project):
    train_classifier.main()
    first = outputs(project)
    written = (project / f"models/classifiers/{KEY}").iterdir()
    assert {p.name for p in written} == {"reference.npz", "trial_0.pt", "trial_1.pt"}
    assert first[f"trial_0.pt{KEY}"] != first[f"trial_1.pt{KEY}"]
    train_classifier.main()
    assert outputs(project) == first


def test_the_tables_of_the_stage(project):
    train_classifier.main()
    table = read_table(project / f"data/predictions/{KEY}.csv")
    chances = [f"p_{label}" for label in CLASSES]
    head = ["trial", "part", "cell_id", "origin", "label", "predicted"]
    assert list(table) == head + chances
    counts = table.groupby(["trial", "part"]).size()
    assert counts.to_dict() == {
        (trial, part): count
        for trial in (0, 1)
        for part, count in (("test", 32), ("validation", 16))
    }
    assert np.allclose(table[chances].sum(axis=1), 1, atol=1e-4)
    best = np.array(CLASSES)[table[chances].to_numpy().argmax(1)]
    assert (best == table["predicted"]).all()
    curves = read_table(project / f"data/curves/{KEY}.csv")
    assert list(curves) == [
        "trial",
        "epoch",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
    ]
    assert list(curves["epoch"]) == [1, 2, 3] * 2
    views = read_table(project / f"data/views/{KEY}.csv")
    steps = TINY["epochs"] * TINY["iterations"]
    assert views.groupby("trial")["views"].sum().tolist() == [steps * TINY["batch"]] * 2
    assert views["cells"].sum() == 2 * (112 + 3)


def test_a_saved_classifier_rebuilds_itself(project):
    train_classifier.main()
    path = project / f"models/classifiers/{KEY}/trial_1.pt"
    classifier, about = load_classifier(path, CPU)
    assert about["classes"] == list(CLASSES) and about["size"] == SIZE
    assert about["inputs"] == INPUTS and about["trials"] == 2
    assert about["settings"] == tiny_cnn().model_dump()
    predictions = project / f"data/predictions/{KEY}.csv"
    assert about["predictions"] == hash_file(predictions)
    table = read_table(predictions)
    rows = table[(table["trial"] == 1) & (table["part"] == "test")]
    images = np.load(project / "data/cells/images.npy")
    tested = torch.from_numpy(images[[int(c[1:]) for c in rows["cell_id"]]])
    chances = classifier.chances(tested).numpy()
    assert np.allclose(chances, rows[[f"p_{c}" for c in CLASSES]], atol=1e-5)
    assert classifier.features(tested).shape == (len(rows), 8 * TINY["width"])


def test_a_file_that_is_no_classifier_is_refused_in_one_line(tmp_path):
    path = tmp_path / "trial_0.pt"
    with pytest.raises(StudyError, match="missing"):
        load_classifier(path, CPU)
    for content in (b"", b"not a model", b"PK\x03\x04 cut off"):
        path.write_bytes(content)
        with pytest.raises(StudyError, match="is damaged"):
            load_classifier(path, CPU)
    torch.save({"state": {}}, path)
    with pytest.raises(StudyError, match="is damaged"):
        load_classifier(path, CPU)
