"""Every number of params.yaml has bounds: absurd ones end in one line, at once."""

import copy
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from cytobalance.generators.generation import check_room
from cytobalance.study import room
from cytobalance.study.cells import create_images
from cytobalance.study.devices import check_step
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError

SHIPPED = Path(__file__).parent.parent / "params.yaml"
VALUES = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
# Nothing of these is legal for any number.
ABSURD = {
    "negative": -1,
    "1e12": 10**12,
    "1e20": 10**20,
    "1e20 as a float": 1e20,
    "401 digits": 10**400,
    "5000 digits": 16**5000,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "text": "many",
    "list": [1],
    "group": {"a": 1},
    "bool": True,
}
# The seeds take any whole number below 2**63.
LEGAL = {("study", "seed"): {"1e12"}, ("simulator", "seed"): {"1e12"}}


def find_numbers(values, place=()):
    """The place of every number, as ("gan", "batch")."""
    if isinstance(values, bool):
        return
    if isinstance(values, int | float):
        yield place
    pairs = values.items() if isinstance(values, dict) else ()
    if isinstance(values, list):
        pairs = enumerate(values)
    for key, value in pairs:
        yield from find_numbers(value, (*place, key))


PLACES = list(find_numbers(VALUES))


def read_with(folder, place, value, **gan):
    """The shipped study with one value changed, and some of `gan`.

    Whole numbers are written in hex.
    """
    values = copy.deepcopy(VALUES)
    values["gan"] |= gan
    group = values
    for key in place[:-1]:
        group = group[key]
    group[place[-1]] = "VALUE" if isinstance(value, int) else value
    text = yaml.safe_dump(values, sort_keys=False)
    if isinstance(value, int):  # bools too
        sign = "-" if value < 0 else ""
        word = "true" if value is True else f"{sign}0x{abs(value):x}"
        text = text.replace("VALUE", word)
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return read_study(path)


def test_the_numbers_of_the_study_are_all_tried():
    assert len(PLACES) > 50
    assert ("gan", "width") in PLACES and ("gan", "betas", 1) in PLACES


@pytest.mark.parametrize("place", PLACES, ids=lambda p: ".".join(map(str, p)))
def test_an_absurd_number_ends_in_one_line_that_names_it(place, tmp_path):
    for name, value in ABSURD.items():
        if name in LEGAL.get(place, ()):
            assert read_with(tmp_path, place, value)
            continue
        with pytest.raises(StudyError) as caught:
            read_with(tmp_path, place, value)
        message = str(caught.value)
        assert "\n" not in message and len(message) < 1000, name
        assert place[0] in message, name


def test_the_legal_range_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"gan\.width: .* from 1 to 2,048 \(got 10+\)"):
        read_with(tmp_path, ("gan", "width"), 10**20)
    with pytest.raises(StudyError, match="above 0 and up to 10"):
        read_with(tmp_path, ("gan", "learning_rate"), 0.0)


def test_a_product_of_legal_numbers_has_a_bound_too(tmp_path):
    with pytest.raises(StudyError, match="at most 1,000,000 and"):
        read_with(tmp_path, ("classifiers", "sequential_cnn", "epochs"), 100_000)


def test_latent_vectors_of_a_class_have_a_bound_and_are_weighed(tmp_path, monkeypatch):
    with pytest.raises(StudyError, match=r"generate\.target times gan\.latent"):
        read_with(tmp_path, ("generate", "target"), 10**6, latent=16_384)
    check_room([0, 10**6], 100)
    memory = SimpleNamespace(total=10**8)
    monkeypatch.setattr(room.psutil, "virtual_memory", lambda: memory)
    with pytest.raises(StudyError, match=r"lower generate\.target or gan\.latent"):
        check_room([0, 10**6], 100)


def test_nested_without_end_is_not_yaml(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("[" * 5000, encoding="utf-8")
    with pytest.raises(StudyError, match="not YAML"):
        read_study(path)


def test_more_images_than_the_disk_holds_are_refused_before_they_are_written(tmp_path):
    with pytest.raises(StudyError, match="GiB of disk"):
        create_images(tmp_path, 10**9, 512)
    assert not list(tmp_path.iterdir())


def test_a_step_beyond_all_memory_is_refused(monkeypatch):
    monkeypatch.setenv("CYTOBALANCE_DEVICE", "cpu")
    check_step(328, 64, 128, "batch, width")
    with pytest.raises(StudyError, match=r"gan\.batch, gan\.width or image\.size"):
        check_step(65_536, 2_048, 512, "gan.batch, gan.width")
    with pytest.raises(StudyError, match="lower a"):
        room.check_memory(2, "cells", "a", total=1)
