"""export.py onnx: the graph takes stored images and answers as PyTorch does."""

import json
import re
import sys
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from pydantic import TypeAdapter
from tiny_classifiers import CPU, tiny_cnn

import export
from cytobalance.classify.classifier import build_classifier, save_classifier
from cytobalance.classify.ensemble import load_ensemble, mean_probability
from cytobalance.classify.network import UNIT_HEAD
from cytobalance.classify.settings import AnyClassifier
from cytobalance.curation.decode import crop_centre, decode_picture, shrink
from cytobalance.export import onnx_model
from cytobalance.prediction.reference import Reference, write_reference
from cytobalance.prediction.temperature import scale
from cytobalance.simulator.cell import render_cell
from cytobalance.simulator.optics import draw_style
from cytobalance.study.devices import make_deterministic
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError, run_stage
from cytobalance.taxonomy import TYPES

ROOT = Path(__file__).parents[1]
SIZE = 48
CLASSES = list(TYPES[:5])
ABOUT = {
    "classes": CLASSES,
    "size": SIZE,
    "inputs": {"pbc": {"crop": 0.5, "depth": 0, "boxes": False, "origin": "published"}},
    "trials": 2,
    "predictions": "abc",
}
KEY = "heldout-plain-sequential_cnn"
MODEL = Path(f"models/classifiers/{KEY}")
FILE = Path("exports/classifier/classifier.onnx")


def trials_of(settings, count: int = 2, **flags: bool) -> list:
    """Untrained trials, the logit of whose first class is adjusted.

    flags: further entries of a trial's file.
    """
    flags = {name: torch.tensor(value) for name, value in flags.items()}
    trials = []
    for seed in range(count):
        classifier = build_classifier(settings, len(CLASSES), SIZE, CPU)
        torch.manual_seed(seed)
        first = classifier.build().state_dict()
        adjusted = torch.tensor([1.5, *[0.0] * (len(CLASSES) - 1)])
        classifier.load_state(first | {"logit_offset": adjusted} | flags)
        trials.append(classifier)
    return trials


def timm_settings(network: str, **changes):
    """Settings of a network of timm without published weights."""
    values = {"kind": "timm", "network": network, "weights": "none", "trials": 2}
    values |= {"batch": 4, "epochs": 1, "iterations": 1, "learning_rate": 0.01}
    values |= {"weight_decay": 0.0, "flip": True, "precision": "fp32"}
    return TypeAdapter(AnyClassifier).validate_python(values | changes)


@cache
def images_of(count: int) -> np.ndarray:
    """Simulated cells of several types, as a study of SIZE stores them."""
    study = read_study(ROOT / "params.yaml")
    style = draw_style(study, "pbc_simulated", "P001")
    coarse = replace(style.camera, um_per_pixel=3 * style.camera.um_per_pixel)
    style = replace(style, camera=coarse)
    cells = [
        render_cell(TYPES[k], style, (120, 120), np.random.default_rng(k))
        for k in range(count)
    ]
    return np.stack([shrink(crop_centre(cell, 0.6), SIZE) for cell in cells])


def answer(model: bytes, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model)
    return session.run(["probabilities"], {"images": images})[0]


def run(*words: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["export", "onnx", *words])
        try:
            run_stage(export.main, alone=False)
        except SystemExit as ended:
            return ended.code
    return 0


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """A folder with two trials of a classifier, and an export of both."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number, trial in enumerate(trials_of(tiny_cnn())):
            save_classifier(MODEL / f"trial_{number}.pt", trial, ABOUT)
        write_reference(MODEL, make_reference())
        assert run("--model", str(MODEL), "--output", "exports/classifier") == 0
    return folder


@pytest.fixture
def project(exported, monkeypatch) -> Path:
    monkeypatch.chdir(exported)
    return exported


def make_reference() -> Reference:
    """Of validation cells that ask for a temperature far from 1: a third is missed."""
    label = np.arange(60) % len(CLASSES)
    probability = 0.9 * np.eye(len(CLASSES))[label] + 0.1 / len(CLASSES)
    label[::3] = (label[::3] + 1) % len(CLASSES)
    return Reference(probability, label, np.full(len(CLASSES), 50), "abc")


def temperature() -> float:
    found = make_reference().temperature
    assert not 0.8 < found < 1.25
    return found


def check_parity(
    model: bytes,
    trials: list,
    images: np.ndarray | None = None,
    temperature: float = 1.0,
) -> None:
    """On these images or on simulated cells, one and several at a time."""
    images = images_of(7) if images is None else images
    for batch in (images[:1], images):
        wanted = scale(mean_probability(trials, batch), temperature)
        assert wanted.min() > 1e-6 and wanted.max() < 0.999
        assert np.abs(answer(model, batch) - wanted).max() < 1e-4


def test_probabilities_are_the_mean_of_pytorchs_trials(project):
    trials, _ = load_ensemble(MODEL, CPU)
    check_parity(FILE.read_bytes(), trials, temperature=temperature())


def test_probabilities_of_real_cells_are_pytorchs(project, real_data):
    with zipfile.ZipFile(real_data / "PBC_dataset_normal_DIB.zip") as archive:
        names = [n for n in archive.namelist() if n.endswith(".jpg")][::100]
        files = [archive.read(name) for name in names]
    frames = [decode_picture(data, 0).pixels for data in files]
    cells = np.stack([shrink(crop_centre(frame, 0.6), SIZE) for frame in frames])
    assert len(cells) > 20
    trials, _ = load_ensemble(MODEL, CPU)
    check_parity(FILE.read_bytes(), trials, cells, temperature())


@pytest.mark.parametrize(
    ("network", "side", "flags"),
    [("test_vit", 160, {}), ("test_resnet", 32, {UNIT_HEAD: True})],
    ids=["enlarged", "shrunk_and_cosines"],
)
def test_the_graph_sees_and_answers_as_a_network_of_timm(network, side, flags):
    trials = trials_of(timm_settings(network, side=side), count=1, **flags)
    together = onnx_model.choose_trials(trials, None)
    check_parity(onnx_model.build_onnx(together, SIZE, {}), trials)


def test_one_trial_can_be_exported_alone(project):
    trials, _ = load_ensemble(MODEL, CPU)
    assert run("--model", str(MODEL), "--trial", "1", "--output", "second") == 0
    check_parity(Path("second/classifier.onnx").read_bytes(), trials[1:])
    sheet = Path("second/datasheet.md").read_text("utf-8")
    assert "trial 1 alone" in sheet and "all trials together, not of this one" in sheet
    for trial in (2, -1):
        with pytest.raises(StudyError, match="trials 0 to 1"):
            onnx_model.choose_trials(trials, trial)


def test_the_file_says_what_goes_in_and_comes_out(project):
    model = onnx.load(FILE)
    facts = {item.key: item.value for item in model.metadata_props}
    assert json.loads(facts["classes"]) == CLASSES and facts["size"] == str(SIZE)
    assert json.loads(facts["inputs"])["pbc"]["crop"] == 0.5
    assert facts["key"] == KEY and facts["trials"] == "mean of 2"
    assert json.loads(facts["temperature"]) == temperature()
    (taken,), (given,) = model.graph.input, model.graph.output
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    sides = [side.dim_value for side in taken.type.tensor_type.shape.dim]
    assert sides == [0, SIZE, SIZE, 3]  # any number of images
    assert given.type.tensor_type.shape.dim[1].dim_value == len(CLASSES)
    sheet = FILE.with_name("datasheet.md").read_text("utf-8")
    assert "**Crop, pbc:** centre square of 50 % of the side" in sheet
    assert "no score is known" in sheet and str(project) not in sheet


def test_the_example_of_the_docs_runs(project, capsys):
    text = (ROOT / "docs/handover.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n([^`]*onnxruntime[^`]*)```", text)
    exec(block, {})
    assert capsys.readouterr().out.count("'") == 10  # five names of classes


def test_the_same_classifier_gives_the_same_bytes_and_no_paths(project):
    make_deterministic()  # as every stage; torch.onnx minds how that sets TF32
    assert run("--model", str(MODEL), "--output", "again") == 0
    assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    for path in FILE.parent.iterdir():
        assert path.read_bytes() == Path("again", path.name).read_bytes()
    content = FILE.read_bytes()
    assert b".py" not in content and str(project).encode() not in content


def test_a_file_that_answers_otherwise_is_refused(project):
    trials, _ = load_ensemble(MODEL, CPU)
    other = onnx_model.choose_trials(trials, 0)
    with pytest.raises(StudyError, match=r"differ from PyTorch's by .* nothing is wri"):
        onnx_model.measure_parity(FILE.read_bytes(), other, images_of(3))


def test_what_can_not_be_exported_is_one_line(project, capsys):
    for words in (
        ("--model", "models", "--output", "out"),
        ("--model", str(MODEL), "--output", "models"),
    ):
        assert run(*words) == 1
        assert capsys.readouterr().err.count("\n") == 1 and not Path("out").exists()


def test_an_estimator_of_scikit_learn_is_refused():
    estimator = SimpleNamespace(settings=SimpleNamespace(kind="scikit_learn"))
    with pytest.raises(StudyError, match=r"kind scikit_learn.*predict.py"):
        onnx_model.choose_trials([estimator], None)


def test_cells_of_the_study_are_compared_where_they_are(tmp_path):
    images, what = onnx_model.sample_images(tmp_path, SIZE)
    assert "noise" in what and images.shape == (64, SIZE, SIZE, 3)
    np.save(tmp_path / "images.npy", images_of(9))
    images, what = onnx_model.sample_images(tmp_path, SIZE)
    assert what == "9 cells of the study" and np.array_equal(images, images_of(9))
    assert "noise" in onnx_model.sample_images(tmp_path, 16)[1]
