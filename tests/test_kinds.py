"""Kinds of classifiers: scikit-learn's and timm's, their phases and their recipes."""

import numpy as np
import pytest
import skops.io
import torch
from test_classifier import CLASSES, SIZE, cells_of
from tiny_classifiers import CPU, TINY

from cytobalance.balance.settings import Recipe
from cytobalance.classify.cells import Cells
from cytobalance.classify.classifier import (
    build_classifier,
    load_classifier,
    save_classifier,
)
from cytobalance.classify.estimators import pack_estimator, unpack_estimator
from cytobalance.classify.legality import check_classifiers
from cytobalance.classify.lesson import plan_phases
from cytobalance.classify.settings import Estimator, SequentialCNN, Timm
from cytobalance.study.runtime import StudyError

COMMON = {k: v for k, v in TINY.items() if k not in ("kind", "width", "dropout")}


def estimator(name: str = "GaussianNB", **more) -> Estimator:
    given = {"kind": "scikit_learn", "estimator": name, "trials": 1}
    return Estimator.model_validate(given | more)


def network(**more) -> Timm:
    given = {"kind": "timm", "network": "test_resnet", "epochs": 4, "iterations": 8}
    return Timm.model_validate(COMMON | given | more)


def fit(settings, recipe=None, train=None, size: int = SIZE):
    """A classifier that learned, its curve and the rows of its views."""
    classifier = build_classifier(settings, len(CLASSES), size, CPU)
    train = cells_of(150, 1) if train is None else train
    done = classifier.fit(train, cells_of(40, 2), Recipe(**recipe or {}), 3)
    return classifier, *done


def accuracy(classifier) -> float:
    test = cells_of(90, 3)
    return (classifier.logits(test.images).argmax(1) == test.labels).double().mean()


def saved(classifier, path) -> bytes:
    save_classifier(path, classifier, {"classes": list(CLASSES), "size": SIZE})
    return path.read_bytes()


SVM = estimator(
    "CalibratedClassifierCV",
    transforms={"Nystroem": {"n_components": 20}},
    arguments={
        "estimator": {"SGDClassifier": {"loss": "hinge"}},
        "ensemble": False,
        "cv": 3,
    },
)


@pytest.mark.parametrize(
    "settings",
    [
        estimator(),
        estimator("LogisticRegression", transforms={"StandardScaler": {}}),
        estimator("RandomForestClassifier", arguments={"n_estimators": 5}),
        SVM,
    ],
    ids=lambda s: s.estimator,
)
def test_an_estimator_learns_repeats_and_is_read_back(settings, tmp_path):
    classifier, curve, rows = fit(settings)
    # 0.7 of the cells are of one class; the SVM's kernel has 20 cells.
    assert accuracy(classifier) > 0.72 and len(curve) == 1
    assert torch.equal(rows, torch.arange(150))
    path = tmp_path / "a.pt"
    first = saved(classifier, path)
    assert saved(classifier, path) == first
    again = fit(settings)[0].state()
    assert torch.equal(again["estimator"], classifier.state()["estimator"])
    loaded, about = load_classifier(path, CPU)
    assert about["settings"]["estimator"] == settings.estimator
    images = cells_of(20, 4).images
    assert torch.equal(loaded.logits(images), classifier.logits(images))


def test_class_weights_shift_the_answers_to_the_rare():
    settings = estimator("LogisticRegression", arguments={"C": 0.001})
    images = cells_of(90, 3).images
    found = []
    for loss in ("cross_entropy", "class_weights", "effective_number"):
        chances = fit(settings, {"loss": loss})[0].chances(images)
        found.append(chances[:, 2].mean().item())
    assert found[1] > found[0] and found[2] > found[0]


def test_unequal_draws_and_augmentation_are_drawn_once_in_rounds():
    train = cells_of(150, 1)
    train.weights[:] = 1 / torch.bincount(train.labels).double()[train.labels]
    _, _, rows = fit(estimator(rounds=4), train=train)
    assert len(rows) == 600
    assert torch.bincount(train.labels[rows]).min() > 150
    _, _, rows = fit(estimator(rounds=2), {"augment": {"turn": 180.0}})
    assert len(rows) == 300


def test_a_class_without_a_training_cell_is_never_the_answer():
    cells = cells_of(150, 1)
    there = cells.labels != 1
    parts = (cells.images, cells.labels, cells.weights, cells.synthetic)
    classifier, _, _ = fit(estimator(), train=Cells(*(part[there] for part in parts)))
    chances = classifier.chances(cells.images)
    assert chances.shape == (150, 3) and chances[:, 1].max() < 1e-6


def test_a_file_that_names_anything_foreign_is_refused():
    assert unpack_estimator(pack_estimator(fit(estimator())[0].estimator))
    foreign = skops.io.dumps(np.random.default_rng(1))
    trusted = skops.io.dumps({"a": SequentialCNN})
    for data in (foreign, trusted):
        if skops.io.get_untrusted_types(data=data):
            with pytest.raises(ValueError, match="not of scikit-learn"):
                unpack_estimator(data)
    assert skops.io.get_untrusted_types(data=trusted)


class _Study:
    def __init__(self, settings, **recipe):
        self.trainings = {"plain-it": settings}
        self.recipes = {"plain": Recipe(**recipe)}


@pytest.mark.parametrize(
    "settings, recipe, words",
    [
        (estimator("Bayes"), {}, "no classifier that gives probabilities `Bayes`"),
        (estimator("RidgeClassifier"), {}, "that gives probabilities"),
        (estimator(arguments={"priorz": 1}), {}, "not take these arguments.*priorz"),
        (estimator("LogisticRegression", arguments={"C": -1.0}), {}, "'C' parameter"),
        (estimator("SGDClassifier"), {}, "gives no probabilities with these"),
        (estimator(transforms={"Scaler": {}}), {}, "no transformer `Scaler`"),
        (
            estimator("KNeighborsClassifier"),
            {"loss": "class_weights"},
            "takes no weights of cells",
        ),
        (network(network="resnet999"), {}, "timm has no network `resnet999`"),
        (network(weights="x.pth", sha256="0" * 64), {}, "x.pth: no such file"),
        (
            estimator(features={"network": "legacy_xception"}),
            {},
            "timm publishes no weights|^$",
        ),
    ],
)
def test_what_no_library_has_is_refused_before_anything_runs(settings, recipe, words):
    if "publishes" in words:
        pytest.importorskip("timm")
        import timm

        if timm.is_model_pretrained("legacy_xception"):
            pytest.skip("timm publishes its weights now")
    with pytest.raises(StudyError, match=words) as error:
        check_classifiers(_Study(settings, **recipe))
    said = str(error.value)
    assert said.startswith("params.yaml: classifiers.it, for plain: ")
    assert "\n" not in said


def test_what_the_libraries_have_passes():
    for settings in (SVM, network(), estimator()):
        check_classifiers(_Study(settings, loss="class_weights"))
    check_classifiers(_Study(network(), loss="ldam"))


def test_a_network_without_a_linear_last_layer_is_refused_with_ldam():
    with pytest.raises(StudyError, match="linear last layer"):
        check_classifiers(_Study(network(network="dpn68"), loss="ldam"))


def test_recipes_that_only_networks_take_are_named():
    for recipe in ({"loss": "focal"}, {"ema": 0.9}, {"mix": {"how": "mixup"}}):
        assert "can't take" in estimator().refusal(Recipe(**recipe))
        assert not network().refusal(Recipe(**recipe))
    assert not estimator().refusal(Recipe(loss="effective_number", sources="sqrt"))
    assert "leaves no epoch" in network().refusal(Recipe(head_retraining=4))


def test_a_network_of_timm_learns_and_is_read_back(tmp_path, capsys):
    classifier, curve, _ = fit(network(learning_rate=0.003))
    assert "test_resnet sees cells" in capsys.readouterr().out
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]
    images = cells_of(20, 4).images
    features = classifier.features(images)
    assert features.shape == (20, classifier.network.num_features)
    path = tmp_path / "net.pt"
    first = saved(classifier, path)
    loaded, _ = load_classifier(path, CPU)
    assert torch.equal(loaded.logits(images), classifier.logits(images))
    assert saved(loaded, path) == first


def test_cells_smaller_than_a_network_sees_are_enlarged_and_that_is_printed(capsys):
    for name, side in (("test_vit", 160), ("test_resnet", 16)):
        classifier = build_classifier(network(network=name), 3, SIZE, CPU)
        classifier.start()
        assert classifier.see(torch.zeros(1, 3, SIZE, SIZE)).shape[-1] == side
    assert "enlarged from 16 to 160 pixels" in capsys.readouterr().out
    with pytest.raises(StudyError, match="set `side` to 160"):
        build_classifier(network(network="test_vit", side=32), 3, SIZE, CPU).start()


def cnn(**more) -> SequentialCNN:
    return SequentialCNN.model_validate(TINY | more)


def test_the_first_phase_leaves_all_but_the_last_layer_as_it_was():
    frozen = cnn(epochs=0, head_epochs=3, head_learning_rate=0.01)
    classifier, curve, rows = fit(frozen)
    torch.manual_seed(0)
    begun, _, _ = fit(cnn(epochs=0, head_epochs=1, learning_rate=1e-9))
    ours, first = classifier.network.state_dict(), begun.network.state_dict()
    for name in ours:
        same = torch.allclose(ours[name], first[name], atol=1e-6)
        assert same != name.startswith("head"), name
    assert len(curve) == 3 and len(rows) == 3 * 12 * 16


def test_two_phases_have_their_epochs_and_rates():
    settings = cnn(head_epochs=2, head_learning_rate=0.5, schedule="constant")
    phases = plan_phases(settings, Recipe(head_retraining=2))
    found = [(p.epochs, p.rate, p.head_only, p.retrains) for p in phases]
    assert found == [
        (2, 0.5, True, False),
        (1, 0.01, False, False),
        (2, 0.01, True, True),
    ]
    _, curve, _ = fit(settings)
    assert [row["epoch"] for row in curve] == [1, 2, 3, 4, 5]


def test_patience_ends_a_training_that_no_longer_gets_better():
    settings = cnn(epochs=30, iterations=2, learning_rate=1e-9, patience=2)
    _, curve, rows = fit(settings)
    assert len(curve) == 3 and len(rows) == 3 * 2 * 16


@pytest.mark.parametrize(
    "recipe, views",
    [
        ({"loss": "effective_number", "loss_from": 0.8}, 1),
        ({"loss": "focal"}, 1),
        ({"loss": "ldam", "loss_from": 0.8}, 1),
        ({"ema": 0.9}, 1),
        ({"mix": {"how": "mixup", "partner": "even", "alpha": 0.2}}, 2),
        ({"mix": {"how": "cutmix", "partner": "even"}}, 2),
        ({"head_retraining": 2}, 1),
    ],
    ids=str,
)
def test_every_recipe_learns_with_the_same_number_of_steps(recipe, views):
    classifier, curve, rows = fit(cnn(epochs=6), recipe)
    assert accuracy(classifier) > 0.7
    assert len(curve) == 6 and len(rows) == views * 6 * 12 * 16


def test_a_classifier_of_cosines_is_one_again_when_loaded(tmp_path):
    classifier, _, _ = fit(cnn(), {"loss": "ldam"})
    saved(classifier, tmp_path / "a.pt")
    again, _ = load_classifier(tmp_path / "a.pt", CPU)
    images = cells_of(9, 3).images
    assert torch.equal(again.logits(images), classifier.logits(images))
    assert classifier.logits(images).abs().max() <= 30.001


def test_retraining_the_last_layer_draws_every_class_alike():
    train = cells_of(150, 1)
    _, _, rows = fit(cnn(epochs=3), {"head_retraining": 1}, train)
    shares = torch.bincount(train.labels[rows[-12 * 16 :]]) / (12 * 16)
    assert shares.min() > 0.2
    before = torch.bincount(train.labels[rows[: -12 * 16]]) / (24 * 16)
    assert before.min() < 0.15
