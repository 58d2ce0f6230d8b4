"""Tests of the simulator: its key and its archives."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cytobalance.curation.relabel import relabel_cells
from cytobalance.simulator.archives import LITTER, render_file, write_source
from cytobalance.simulator.counts import FULL_COUNTS, type_counts
from cytobalance.simulator.expert import expert_map
from cytobalance.simulator.faults import FAULTS
from cytobalance.simulator.plan import plan_smears
from cytobalance.sources.archive import open_archive
from cytobalance.sources.listing import list_source
from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError
from cytobalance.taxonomy import TYPES

TOP = Path(__file__).parent.parent
# Hazra 2022, Table 1, typed in from the paper, in the order of TYPES.
TABLE_1 = (
    *(1224, 3538, 1547, 2881, 39, 13, 1213, 7, 3818, 26, 2583, 3104),
    *(3316, 82, 7346, 2339, 69, 17, 15),
)
ADDED = [fault for fault, counts in FAULTS.items() if not counts]


def with_simulator(study, **changes):
    return study.model_copy(
        update={"simulator": study.simulator.model_copy(update=changes)}
    )


@pytest.fixture(scope="module")
def study():
    return read_study(TOP / "params.yaml")


@pytest.fixture(scope="module")
def plan(study):
    return plan_smears(study)


@pytest.fixture(scope="module")
def small(study):
    faults = study.simulator.faults.model_copy(
        update={"exact_copies": 3, "near_copies": 6, "mislabelled": 6}
    )
    return with_simulator(
        study, scale=0.003, true_counts=(), cells_per_patient=6, faults=faults
    )


@pytest.fixture(scope="module")
def key(small):
    return plan_smears(small)


@pytest.fixture(scope="module")
def raw(small, tmp_path_factory):
    """data/raw of the small study, one folder a source."""
    folder = tmp_path_factory.mktemp("raw")
    for source in small.sources:
        write_source(small, source, folder / source)
    return folder


@pytest.fixture(scope="module")
def files(raw, small):
    """(source, file) -> bytes, through the archive readers of the pipeline."""
    found = {}
    for source in small.sources:
        archive = open_archive(raw / source)
        found |= {(source, name): archive.read(name) for name in archive.names()}
    return found


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


# The plan


def test_full_counts_are_those_of_table_1_with_the_margins_of_its_sources():
    assert tuple(FULL_COUNTS) == TYPES
    assert tuple(sum(row.values()) for row in FULL_COUNTS.values()) == TABLE_1
    table = pd.DataFrame(FULL_COUNTS).T
    assert table.sum().to_dict() == {"eone": 12756, "lmu": 10300, "pbc": 10121}
    assert (table > 0).sum().to_dict() == {"eone": 17, "lmu": 15, "pbc": 8}


def test_full_scale_gives_the_full_counts(study):
    whole = with_simulator(study, scale=1.0)
    for layout in ("eone", "lmu", "pbc"):
        expected = {name: row[layout] for name, row in FULL_COUNTS.items()}
        assert type_counts(whole, layout) == expected


def test_default_study_keeps_rare_types_and_the_papers_moved_image(plan):
    cells = plan[~plan["fault"].isin(ADDED)]
    assert 1650 <= len(cells) <= 1750
    true, published = (cells[c].value_counts() for c in ("type", "published"))
    sound = cells[cells["fault"].isin(["", "paper_correction"])]
    assert true["monoblast"] == 26 and true["smudge_cell"] == 15
    assert published[["promyelocyte", "promyelocyte_bilobed"]].sum() == 86
    assert true[["promyelocyte", "promyelocyte_bilobed"]].sum() == 87
    moved = sound[sound["type"] != sound["published"]]
    assert moved["published"].str.startswith("neutrophil").tolist() == [True]
    assert set(true.index) == set(TYPES)


def test_every_fault_stands_in_the_key_as_often_as_asked(study, plan):
    asked = study.simulator.faults
    counts = plan["fault"].value_counts()
    assert counts["exact_copy"] == asked.exact_copies
    assert counts["near_copy"] == asked.near_copies
    assert counts["mislabelled"] == asked.mislabelled
    assert counts["unreadable"] == asked.unreadable
    assert counts["cross_class"] == 2 * asked.cross_class  # both files of a pair
    assert not plan.duplicated(["source", "file"]).any()
    owner = {t: c for c, ts in study.merge.classes.items() for t in ts}
    wrong = plan[plan["fault"].isin(["mislabelled", "paper_correction"])]
    assert (wrong["type"].map(owner) != wrong["published"].map(owner)).all()


def test_copies_have_a_sound_original_of_the_same_cell(plan):
    copies = plan[plan["fault"].isin(["exact_copy", "near_copy"])]
    both = copies.merge(
        plan, left_on=["source", "of"], right_on=["source", "file"], suffixes=("", "_o")
    )
    assert len(both) == len(copies) and (both["fault_o"] == "").all()
    for column in ("type", "published", "patient", "scene"):
        assert (both[column] == both[f"{column}_o"]).all()
    shifts = plan.loc[plan["fault"].eq("near_copy"), ["shift_x", "shift_y"]].abs()
    assert shifts.min().min() >= 0.01 and shifts.max().max() <= 0.03


def test_plan_depends_on_seed_and_simulator_alone(study, plan):
    other = study.model_copy(
        update={"gan": study.gan.model_copy(update={"iterations": 7})}
    )
    pd.testing.assert_frame_equal(plan_smears(other), plan)
    seeded = study.model_copy(
        update={"simulator": study.simulator.model_copy(update={"seed": 1})}
    )
    assert not plan_smears(seeded)["file"].equals(plan["file"])


def test_more_faults_than_cells_is_refused(small):
    faults = small.simulator.faults.model_copy(update={"exact_copies": 5000})
    with pytest.raises(StudyError, match=r"simulator\.faults"):
        plan_smears(with_simulator(small, faults=faults))


def test_committed_expert_map_is_what_the_plan_gives(study):
    committed = pd.read_csv(TOP / "data/expert/simulated.csv", dtype=str)
    expected = expert_map(study)
    pd.testing.assert_frame_equal(
        committed, expected.reset_index(drop=True), check_dtype=False
    )


# The archives


def test_readers_find_every_planned_file_with_its_label(raw, small, key):
    for source, settings in small.sources.items():
        listing = list_source(source, settings, open_archive(raw / source))
        planned = key[key["source"].eq(source)].sort_values("file")
        entries = listing.entries
        assert [entry.file for entry in entries] == planned["file"].tolist()
        types = [listing.codes[entry.raw_label] for entry in entries]
        assert types == planned["published"].tolist()
        named = {entry.subject for entry in entries}
        patients = set(planned["patient"]) if settings.layout == "eone" else {""}
        assert named == patients  # the others publish no patients
        assert all(item.by_rule for item in listing.rejected)


def test_layouts_are_as_published(raw, key, files):
    with zipfile.ZipFile(raw / "pbc_simulated/PBC_dataset_normal_DIB.zip") as archive:
        assert set(LITTER) <= set(archive.namelist())
    annotations = raw / "lmu_simulated/AML-Cytomorphology_LMU/annotations.dat"
    rows = [line.split(" ") for line in annotations.read_text().splitlines()]
    assert all(len(row) == 4 and row[0].startswith(f"{row[1]}/") for row in rows)
    assert any("nan" not in row for row in rows)
    sizes = {"pbc": (360, 363), "lmu": (400, 400), "eone": (400, 300)}
    kinds = {"pbc": "JPEG", "lmu": "TIFF", "eone": "JPEG"}
    modes = set()
    for row in key[key["damage"].eq("")].itertuples():
        image = Image.open(io.BytesIO(files[row.source, row.file]))
        assert (image.size, image.format) == (sizes[row.layout], kinds[row.layout])
        modes.add((row.layout, image.mode))
    assert {("lmu", "RGBA"), ("lmu", "RGB")} <= modes


def test_same_study_gives_the_same_bytes_in_any_order(small, raw, key, files, tmp_path):
    write_source(small, "pbc_simulated", tmp_path)
    name = "PBC_dataset_normal_DIB.zip"
    first, second = (
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for folder in (raw / "pbc_simulated", tmp_path)
    )
    assert first == second
    for row in key.sample(8, random_state=0).to_dict("records"):
        assert render_file(small, row) == files[row["source"], row["file"]]


def test_exact_copies_and_the_cross_class_pair_are_the_same_bytes(key, files):
    pairs = key[key["of"].ne("") & key["fault"].isin(["exact_copy", "cross_class"])]
    assert len(pairs) == 4
    for row in pairs.itertuples():
        assert files[row.source, row.file] == files[row.source, row.of]
    cross = pairs[pairs["fault"].eq("cross_class")].iloc[0]
    assert cross["type"] != cross["published"]
    sound = key[key["fault"].eq("")]
    digests = {
        hashlib.sha256(files[row.source, row.file]).digest()
        for row in sound.itertuples()
    }
    assert len(digests) == len(sound)


def test_near_copies_differ_in_bytes_and_match_after_the_shift(key, files):
    for row in key[key["fault"].eq("near_copy")].itertuples():
        copy, original = (
            pixels_of(files[row.source, name]).astype(float)
            for name in (row.file, row.of)
        )
        height, width = copy.shape[:2]
        dy, dx = round(row.shift_y * height), round(row.shift_x * width)
        back = np.roll(copy, (dy, dx), (0, 1))[20:-20, 20:-20]
        inner = original[20:-20, 20:-20]
        aligned, as_is = (
            np.sqrt(np.mean((image - inner) ** 2))
            for image in (back, copy[20:-20, 20:-20])
        )
        assert aligned < 5 and aligned < as_is / 2


def test_unreadable_files_cannot_be_decoded(key, files):
    broken = key[key["fault"].eq("unreadable")]
    assert set(broken["damage"]) == {"truncated", "empty", "text", "noise"}
    for row in broken.itertuples():
        with pytest.raises((OSError, SyntaxError)):
            pixels_of(files[row.source, row.file])


def test_relabelling_by_the_simulated_expert_restores_the_truth(small, key):
    cells = key[key["damage"].eq("")].rename(columns={"code": "raw_label"})
    cells = cells.assign(subject="", cell_id=cells["file"], width=1, height=1)
    cells["published_part"] = ""
    cells["type"] = cells["published"]
    maps = expert_map(small).assign(where="simulated.csv")
    after = relabel_cells(cells, maps, "majority")
    truth = cells[["source", "file", "fault"]].assign(truth=key["type"])
    both = after.merge(truth, on=["source", "file"])
    settled = both[both["fault"].ne("cross_class")]
    assert (settled["type"] == settled["truth"]).all()
    assert (settled["published_type"] != settled["truth"]).sum() == 7
