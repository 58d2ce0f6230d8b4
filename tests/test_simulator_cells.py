"""Tests of simulated cells: types look as they should, patients differ."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier

from cytobalance.simulator.cell import render_cell
from cytobalance.simulator.optics import draw_style
from cytobalance.simulator.plan import plan_smears
from cytobalance.study.params import read_study
from cytobalance.study.runtime import random_stream

TOP = Path(__file__).parent.parent


def with_simulator(study, **changes):
    return study.model_copy(
        update={"simulator": study.simulator.model_copy(update=changes)}
    )


@pytest.fixture(scope="module")
def study():
    return read_study(TOP / "params.yaml")


def render(study, name, number, source="pbc_simulated", patient="P001", coarse=3):
    """A cell at a third of the native resolution: cheap, with its colours and form."""
    style = draw_style(study, source, patient)
    camera = replace(style.camera, um_per_pixel=style.camera.um_per_pixel * coarse)
    size = tuple(side // coarse for side in style.camera.size)
    rng = random_stream(1, name, source, patient, number)
    return render_cell(name, replace(style, camera=camera), size, rng)


def nucleus(image):
    """Area and solidity (area of the hull filled) of the dark middle of a cell."""
    dark = (image[..., 1] < 0.45 * np.median(image[..., 1])).astype(np.uint8)
    count, parts, stats, centres = cv2.connectedComponentsWithStats(dark)
    middle = np.array(image.shape[1::-1]) / 2
    far = np.hypot(*(centres - middle).T) + 1e3 * (stats[:, 4] < 15)
    part = 1 + np.argmin(far[1:]) if count > 1 else 0
    outline = cv2.findContours(
        (parts == part).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )[0][0]
    area = cv2.contourArea(outline)
    return area, area / max(1.0, cv2.contourArea(cv2.convexHull(outline)))


def test_nuclei_have_the_size_and_form_of_their_type(study):
    area, solidity = {}, {}
    names = ("monoblast", "lymphocyte_typical", "myelocyte", "neutrophil_segmented")
    for name in (*names, "neutrophil_band"):
        found = [nucleus(render(study, name, n, coarse=2)) for n in range(12)]
        area[name], solidity[name] = np.median(found, axis=0)
    assert area["monoblast"] > 1.5 * area["lymphocyte_typical"]
    assert area["myelocyte"] > area["neutrophil_segmented"]
    assert solidity["myelocyte"] > 0.9 > solidity["neutrophil_band"]
    assert solidity["neutrophil_segmented"] < 0.9


def test_cytoplasm_has_the_hue_of_its_type(study):
    def redness(name):
        """Red over blue in the ring around the nucleus, beside the empty field."""
        ratios = []
        for number in range(8):
            image = render(study, name, number).astype(float)
            y, x = (
                np.indices(image.shape[:2])
                - np.array(image.shape[:2])[:, None, None] / 2
            )
            radius = np.hypot(x, y) * 0.24
            pale = image[..., 1] > 0.45 * np.median(image[..., 1])
            inside = (radius < 6.5) & pale
            ratio = image[..., 0] / image[..., 2]
            ratios.append(np.median(ratio[inside]) / np.median(ratio[radius > 12]))
        return np.median(ratios)

    assert redness("eosinophil") > 1.1 > redness("neutrophil_segmented")
    assert redness("neutrophil_segmented") > redness("monocyte")
    assert redness("monocyte") > redness("myeloblast")


def test_patients_differ_as_much_as_asked(study):
    alike = with_simulator(study, patient_variation=0.0)
    one, two = (draw_style(alike, "lmu_simulated", p) for p in ("P001", "P002"))
    assert np.array_equal(one.stain, two.stain) and one.cell_size == two.cell_size
    one, two = (draw_style(study, "lmu_simulated", p) for p in ("P001", "P002"))
    assert np.abs(one.stain / two.stain - 1).max() > 0.05


def small_cells(study):
    """One source's sound cells at 16 pixels a side: features, classes, patients."""
    plan = plan_smears(study)
    cells = plan[plan["source"].eq("lmu_simulated") & plan["fault"].eq("")]
    images = []
    for row in cells.itertuples():
        image = render(study, row.type, row.scene, row.source, row.patient, coarse=5)
        inner = image[12:-12, 12:-12]
        images.append(cv2.resize(inner, (16, 16), interpolation=cv2.INTER_AREA))
    owner = {t: c for c, types in study.merge.classes.items() for t in types}
    labels = cells["type"].map(owner)
    common = labels.map(labels.value_counts()).ge(20).to_numpy()
    features = np.stack(images).reshape(len(images), -1)[common] / 255
    return features, labels[common].to_numpy(), cells["patient"][common].to_numpy()


def score(features, labels, parts):
    """Balanced accuracy of the nearest neighbour, over cross-validation `parts`."""
    predicted = labels.copy()
    for train, test in parts:
        nearest = KNeighborsClassifier(1).fit(features[train], labels[train])
        predicted[test] = nearest.predict(features[test])
    return balanced_accuracy_score(labels, predicted)


def careless_and_honest(study):
    """Scores of three splits that ignore patients, and of three that do not."""
    features, labels, patients = small_cells(study)
    careless, honest = [], []
    for seed in range(3):
        settings = {"n_splits": 4, "shuffle": True, "random_state": seed}
        by_image = StratifiedKFold(**settings).split(features, labels)
        by_patient = StratifiedGroupKFold(**settings).split(features, labels, patients)
        careless.append(score(features, labels, by_image))
        honest.append(score(features, labels, by_patient))
    return careless, honest


def test_a_split_that_ignores_patients_scores_higher_than_it_should(study):
    careless, honest = careless_and_honest(study)
    gap = np.mean(careless) - np.mean(honest)
    assert min(careless) > max(honest)
    assert gap > 0.05
    # Types are told apart on patients never seen, though not by bare pixels alone.
    assert 0.45 < np.mean(honest) < 0.9
    # The cause is what a patient's cells share: without it there is little to gain.
    alike = careless_and_honest(with_simulator(study, patient_variation=0.0))
    assert np.mean(alike[0]) - np.mean(alike[1]) < gap / 2
