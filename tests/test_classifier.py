"""The sequential CNN: its form, its draws, learning, repeating, and its stage."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from cell_sets import write_cells

import train_classifier
from cytobalance.classify import training
from cytobalance.classify.networks import (
    SequentialCNN,
    load_network,
    seed_network,
)
from cytobalance.classify.training import (
    Cells,
    balanced_accuracy,
    draw_order,
    predict_logits,
    to_network,
    train,
)
from cytobalance.study.cells import hash_file
from cytobalance.study.inputs import write_inputs
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError, derive_seed
from cytobalance.study.tables import read_table, write_table

PARAMS = Path(__file__).parents[1] / "params.yaml"
CLASSES = ("basophil", "monocyte", "platelet")
SIZE = 16
KEY = "heldout-weighted-sequential_cnn"
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
    return Cells(torch.from_numpy(images), torch.from_numpy(labels), weights)


def tiny_settings(**changes):
    few = {"width": 4, "batch": 16, "epochs": 3, "iterations": 12, "trials": 2}
    few |= {"learning_rate": 0.01, "dropout": 0.2}
    return read_study(PARAMS).classifier.model_copy(update=few | changes)


def new_network():
    torch.manual_seed(1)
    return SequentialCNN(len(CLASSES), SIZE, 4, 0.2)


def test_the_network_is_four_blocks_dropout_and_one_layer():
    network = SequentialCNN(classes=12, size=128, width=16, dropout=0.5)
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
    values = to_network(images.view(2, 1, 2, 3))
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


def test_it_learns_what_can_be_learned():
    network = new_network()
    curve = train(network, cells_of(200, 1), cells_of(60, 2), tiny_settings(), seed=1)
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]
    test = cells_of(100, 3)
    found = predict_logits(network, test.images, "fp32").argmax(1) == test.labels
    assert found.double().mean() > 0.9


def test_the_epoch_kept_is_the_best_on_validation():
    # Validation cells whose labels are wrong: learning makes the score worse. Classes
    # are equally many, so that accuracy is balanced accuracy.
    cells = cells_of(200, 1)
    even = cells_of(300, 2)
    rows = torch.cat([torch.where(even.labels == k)[0][:20] for k in range(3)])
    wrong = Cells(even.images[rows], (even.labels[rows] + 1) % 3, even.weights[rows])
    network = new_network()
    curve = train(network, cells, wrong, tiny_settings(epochs=8, iterations=6), seed=1)
    right = predict_logits(network, wrong.images, "fp32").argmax(1) == wrong.labels
    scores = [row["validation_accuracy"] for row in curve]
    assert right.double().mean().item() == pytest.approx(max(scores))
    assert scores[-1] < max(scores)


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    weights = []
    for seed in (1, 1, 2):
        network = new_network()
        train(network, cells_of(80, 1), cells_of(30, 2), tiny_settings(epochs=1), seed)
        weights.append(network.head.weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_weights_dropout_order_and_mirroring_draw_from_streams_of_their_own():
    settings = {"classes": 3, "size": SIZE, "width": 4, "dropout": 0.2}
    streams = [
        torch.Generator().manual_seed(derive_seed(7, name))
        for name in ("weights", "dropout", "order", "mirror")
    ]
    draws = [torch.rand(50, generator=stream) for stream in streams]
    for k, draw in enumerate(draws):
        assert not any(torch.equal(draw, other) for other in draws[:k])
    network = seed_network("sequential_cnn", settings, 7)
    torch.manual_seed(derive_seed(7, "weights"))
    again = SequentialCNN(**settings)
    assert torch.equal(network.head.weight, again.head.weight)
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        named = training.named_generator
        patch.setattr(
            training,
            "named_generator",
            lambda seed, name: asked.append((seed, name)) or named(seed, name),
        )
        patch.setattr(torch, "manual_seed", lambda seed: asked.append((seed, "global")))
        train(network, cells_of(30, 1), cells_of(30, 2), tiny_settings(epochs=1), 7)
    dropout = (derive_seed(7, "dropout"), "global")
    assert asked == [dropout, (7, "order"), (7, "mirror")]


def test_a_weighted_draw_mirrors_as_an_even_one_does():
    # Balancers share a trial's seed: what one draws does not shift what another does.
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            training, "run_epoch", lambda network, cells, steps, *_: seen.append(steps)
        )
        for cells in (cells_of(30, 1), cells_of(30, 1)):
            if seen:
                cells.weights[:5] = 9
            with pytest.raises(TypeError):  # no row of the curve came back
                train(new_network(), cells, cells, tiny_settings(), 7)
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
    study["classifier"] |= tiny_settings().model_dump()
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
    write_cells(tmp_path / "data/synthetic/heldout/weighted", images[:3], own)
    monkeypatch.chdir(tmp_path)
    arguments = "x --protocol heldout --balancer weighted --classifier sequential_cnn"
    monkeypatch.setattr("sys.argv", arguments.split())
    return tmp_path


def outputs(project: Path) -> dict[str, bytes]:
    paths = [project / f"data/{kind}/{KEY}.csv" for kind in ("predictions", "curves")]
    paths += sorted((project / f"models/classifiers/{KEY}").iterdir())
    return {path.name + path.parent.name: path.read_bytes() for path in paths}


def test_the_stage_writes_the_same_bytes_twice(project):
    train_classifier.main()
    first = outputs(project)
    assert sorted(
        p.name for p in (project / f"models/classifiers/{KEY}").iterdir()
    ) == [
        "trial_0.pt",
        "trial_1.pt",
    ]
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


def test_a_saved_classifier_rebuilds_itself(project):
    train_classifier.main()
    path = project / f"models/classifiers/{KEY}/trial_1.pt"
    network, about = load_network(path, torch.device("cpu"))
    assert about["classes"] == list(CLASSES) and about["size"] == SIZE
    assert about["inputs"] == INPUTS and about["precision"] == "fp32"
    assert about["trials"] == 2
    predictions = project / f"data/predictions/{KEY}.csv"
    assert about["predictions"] == hash_file(predictions)
    table = read_table(project / f"data/predictions/{KEY}.csv")
    rows = table[(table["trial"] == 1) & (table["part"] == "test")]
    images = np.load(project / "data/cells/images.npy")
    own = torch.from_numpy(images[[int(c[1:]) for c in rows["cell_id"]]])
    chances = predict_logits(network, own, "fp32").softmax(1).numpy()
    assert np.allclose(chances, rows[[f"p_{c}" for c in CLASSES]], atol=1e-5)


def test_a_file_that_is_no_classifier_is_refused_in_one_line(tmp_path):
    path = tmp_path / "trial_0.pt"
    with pytest.raises(StudyError, match="missing"):
        load_network(path, torch.device("cpu"))
    for content in (b"", b"not a model", b"PK\x03\x04 cut off"):
        path.write_bytes(content)
        with pytest.raises(StudyError, match="is damaged"):
            load_network(path, torch.device("cpu"))
    torch.save({"weights": {}}, path)
    with pytest.raises(StudyError, match="is damaged"):
        load_network(path, torch.device("cpu"))
