"""The whole graph on a tiny study: every stage's `main`, and `dvc repro` twice."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from finished_study import GRAPH, fill_in, finish_study
from tiny_study import commit, run, write_tiny_study

import predict
from cytobalance.prediction.temperature import scale
from cytobalance.sources.archive import open_archive
from cytobalance.study.cells import read_cells
from cytobalance.study.params import read_study
from cytobalance.study.stages import list_items
from cytobalance.study.tables import read_table


def test_every_output_of_the_graph_is_there(study_folder):
    items = list_items(read_study(study_folder / "params.yaml"))
    for stage in GRAPH.values():
        repeated = {"": {}}
        if "foreach" in stage:
            name = stage["foreach"].removeprefix("${items.").removesuffix("}")
            repeated = items[name]
        for key, item in repeated.items():
            for out in stage.get("do", stage)["outs"]:
                name = next(iter(out)) if isinstance(out, dict) else out
                place = study_folder / fill_in(name, item | {"key": key})
                assert place.exists(), place


def test_every_file_is_kept_or_rejected_with_a_reason(study_folder):
    cells = read_table(study_folder / "data/cells/cells.csv")
    rejected = read_table(study_folder / "data/cells/rejected.csv")
    assert (rejected["reason"].str.len() > 0).all()
    counts = json.loads((study_folder / "metrics/dataset.json").read_text())
    text = json.dumps(counts)
    assert str(len(cells)) in text
    files = pd.concat([cells[["source", "file"]], rejected[["source", "file"]]])
    assert not files.duplicated().any()


def test_no_heldout_cell_reaches_training(study_folder):
    hold_out = read_table(study_folder / "data/hold_out.csv")
    held = set(hold_out.loc[hold_out["part"].isin(["test", "validation"]), "cell_id"])
    assert held
    study = read_study(study_folder / "params.yaml")
    for balancer in study.balancers:
        split = read_table(study_folder / f"data/splits/heldout/{balancer}.csv")
        training = split[split["part"] == "train"]
        assert not held & set(training["cell_id"])
        tested = split[split["part"].isin(["test", "validation"])]
        assert set(tested["origin"]) == {"real"}
        maker = study.recipes[balancer].maker
        made = read_cells(study_folder / f"data/synthetic/heldout/{maker}")
        assert not held & set(made.table["parent"])


def test_paper_protocol_leaks_as_published(study_folder):
    split = read_table(study_folder / "data/splits/paper/c_wgan_gp.csv")
    tested = split[split["part"] == "test"]
    assert set(tested["origin"]) == {"real", "synthetic"}
    counts = split["label"].value_counts()
    assert counts.nunique() == 1


def test_groups_stay_on_one_side(study_folder):
    hold_out = read_table(study_folder / "data/hold_out.csv")
    sides = hold_out[hold_out["part"] != "thinned"].groupby("group")["part"].nunique()
    assert (sides == 1).all()
    assert hold_out["group"].nunique() < len(hold_out)


def test_one_image_can_be_followed_from_archive_to_prediction(study_folder):
    cells = read_cells(study_folder / "data/cells")
    hold_out = read_table(study_folder / "data/hold_out.csv")
    cell = hold_out[hold_out["part"] == "test"].iloc[0]["cell_id"]
    row = int(np.flatnonzero(cells.table["cell_id"] == cell)[0])
    about = cells.table.iloc[row]
    ingested = read_cells(study_folder / "data/ingested" / about["source"])
    there = int(np.flatnonzero(ingested.table["file"] == about["file"])[0])
    np.testing.assert_array_equal(cells.images[row], ingested.images[there])
    key = "heldout-plain-sequential_cnn"
    predictions = read_table(study_folder / f"data/predictions/{key}.csv")
    own = predictions[predictions["cell_id"] == cell]
    assert len(own) == 2  # one a trial
    assert set(own["label"]) == {about["label"]}


def test_predict_on_test_files_of_the_archives_repeats_the_pipeline(
    study_folder, tmp_path, monkeypatch, capsys
):
    key = "heldout-plain-sequential_cnn"
    table = read_table(study_folder / f"data/predictions/{key}.csv")
    table = table[table["part"] == "test"]
    chances = [name for name in table if name.startswith("p_")]
    expected = table.groupby("cell_id")[chances].mean()
    record = json.loads((study_folder / f"metrics/classifiers/{key}.json").read_text())
    temperature = record["temperature"]["temperature"]
    expected[:] = scale(expected.to_numpy(), temperature)
    rare = record["ranking"]["together"]
    assert list(rare) == record["rare_classes"]
    cells = read_table(study_folder / "data/cells/cells.csv").set_index("cell_id")
    cells = cells.loc[expected.index]
    assert cells["source"].nunique() == 3
    suffixes = set()
    for source, rows in cells.groupby("source"):
        archive = open_archive(study_folder / "data/raw" / source)
        for cell, file in rows["file"].items():
            path = tmp_path / source / (cell + Path(file).suffix)
            suffixes.add(path.suffix)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(archive.read(file))
        arguments = ["x", "--model", str(study_folder / "models/classifiers" / key)]
        arguments += ["--like", source, str(tmp_path / source)]
        monkeypatch.setattr(sys, "argv", arguments)
        capsys.readouterr()
        predict.main()
        said = capsys.readouterr()
        found = pd.read_csv(io.StringIO(said.out), keep_default_na=False)
        assert "simulated test cells" in said.err
        found.index = [Path(file).stem for file in found["file"]]
        wanted = expected.loc[found.index]
        assert len(found) == len(rows)
        assert np.allclose(found[chances].astype(float), wanted, atol=2e-5)
        best = [name.removeprefix("p_") for name in wanted.idxmax(axis=1)]
        assert list(found["predicted"]) == best
        for label, about in rare.items():
            called = found["called"].str.split("|").map(lambda c, x=label: x in c)
            assert list(called) == list(wanted[f"p_{label}"] > about["threshold"])
    assert len(suffixes) > 1


def test_the_expert_moves_one_neutrophil_to_promyelocyte(study_folder):
    table = read_table(study_folder / "data/relabelled.csv")
    moved = table[
        table["published_type"].str.startswith("neutrophil")
        & table["type"].str.startswith("promyelocyte")
    ]
    assert len(moved) >= 1


# Some of what the shipped study and its paper protocol leave.
LEFTOVERS = (
    "metrics/classifiers/heldout-adasyn-sequential_cnn.json",
    "metrics/classifiers/paper-plain-sequential_cnn.json",
    "metrics/gan/paper-c_wgan_gp.json",
    "metrics/runs/resnet50/plain.json",
    "plots/confusion/paper-plain-sequential_cnn.csv",
    "plots/curves/paper-plain-sequential_cnn.csv",
    "plots/figures/optimism.png",
    "plots/gan/paper-c_wgan_gp-closest.png",
    "plots/losses/paper-c_wgan_gp.csv",
)
# What a user keeps beside the results.
OWN = "plots/losses/heldout-mine.csv"


HALF = {
    "protocols": ["heldout"],
    "balancers": {"plain": {}, "c_wgan_gp": {"synthetic": "c_wgan_gp"}},
}


def list_results(folder):
    """Every file of metrics and plots."""
    paths = [*folder.glob("metrics/**/*.*"), *folder.glob("plots/**/*.*")]
    return sorted(path.relative_to(folder).as_posix() for path in paths)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs from scratch of half the tiny study: by DVC, and stage by stage.

    The second begins with another study's metrics and pictures there, and a user's.
    """
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    write_tiny_study(one, **HALF)
    for name in (*LEFTOVERS, OWN):
        (two / name).parent.mkdir(parents=True, exist_ok=True)
        (two / name).write_text("{}")
    with pytest.MonkeyPatch.context() as monkeypatch:
        finish_study(two, monkeypatch, **HALF)
    for folder, command in ((one, ("repro",)), (two, ("commit", "--force"))):
        run("git", "init", "--quiet", folder=folder)
        run("dvc", "init", "--quiet", folder=folder)
        run("dvc", *command, folder=folder)
    commit(one, "study")
    return one, two


def test_two_runs_from_scratch_agree_and_a_clone_is_up_to_date(runs, tmp_path):
    one, two = runs
    assert list_results(two) == sorted([OWN, *list_results(one)])
    locks = [yaml.safe_load((f / "dvc.lock").read_text()) for f in (one, two)]
    assert locks[0] == locks[1]
    for metrics in ("metrics/summary.json", "metrics/dataset.json"):
        assert (one / metrics).read_text() == (two / metrics).read_text()
    assert "up to date" in run("dvc", "repro", folder=one)
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", str(one), str(clone), folder=one)
    said = run("dvc", "repro", "--dry", "--allow-missing", folder=clone)
    assert "Running stage" not in said


def test_metrics_fit_a_terminal(runs, tmp_path):
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", str(runs[0]), str(clone), folder=runs[0])
    shown = run("dvc", "metrics", "show", folder=clone).splitlines()
    assert {"gain", "rare", "score", "simulated", "verdict"} <= set(shown[0].split())
    folder = "metrics/runs/sequential_cnn"
    names = [f"{folder}/{recipe}.json" for recipe in ("c_wgan_gp", "plain")]
    assert [line.split()[0] for line in shown[1:]] == names
    path = clone / names[0]
    changed = json.loads(path.read_text()) | {"verdict": "one trial can't tell"}
    path.write_text(json.dumps(changed | {"gain": -0.125}))
    # The default study's longest names are longer than this one's.
    path.rename(path.with_name("weighted_augmented_gan.json"))
    diff = run("dvc", "metrics", "diff", folder=clone).splitlines()
    assert any("one trial can't tell" in line for line in diff)
    assert max(map(len, shown + diff)) <= 120


def change_params(folder, change):
    path = folder / "params.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def change_code(folder, name, text):
    path = folder / "src/cytobalance" / name
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def change_words(folder):
    """Another docstring, and a comment more."""
    path = folder / "src/cytobalance/study/cells.py"
    source = path.read_text(encoding="utf-8")
    assert source.startswith('"""Cell sets')
    path.write_text(f'"""Our cell sets{source[12:]}# why\n', encoding="utf-8")


def add_balancer(values):
    values["balancers"]["adasyn"] = {"synthetic": "adasyn"}


def add_gan(values):
    values["gans"]["acgan"] = {}
    values["balancers"]["acgan"] = {"synthetic": "acgan"}


def add_classifier(values):
    values["classifiers"]["bayes"] = {
        "kind": "scikit_learn",
        "estimator": "GaussianNB",
        "balancers": ["plain"],
        "trials": 1,
    }


OF_A_GAN = (
    *("train_gan@heldout-{0}", "generate@heldout-{0}", "split@heldout-{0}"),
    *("train_classifier@heldout-{0}-sequential_cnn", "assess@heldout-{0}"),
    *("evaluate@heldout-{0}-sequential_cnn", "explain@heldout-{0}-sequential_cnn"),
    *("draw_gan@heldout-{0}", "report"),
)
# What changes -> what DVC runs again at once, beside `check`; what hangs on that runs
# where its data come out another way.
RERUNS = {
    "nothing": (lambda _: None, ()),
    "a comment and a docstring": (
        change_words,
        (),
    ),
    "the title": (
        lambda folder: change_params(folder, lambda v: v["study"].update(title="Ours")),
        ("draw_cells", "draw_gan@heldout-c_wgan_gp", "report"),
    ),
    "what a person says of the study": (
        lambda folder: change_params(folder, lambda v: v["card"].update(ethics="123")),
        ("report",),
    ),
    "a word of the page": (
        lambda folder: change_code(folder, "report/templates/scores.html", "More.\n"),
        ("report",),
    ),
    "a comment of the page": (
        lambda folder: change_code(folder, "report/templates/scores.html", "{# #}\n"),
        (),
    ),
    "how things are drawn": (
        lambda folder: change_code(folder, "draw/style.py", "WIDE = 2\n"),
        ("draw_cells", "draw_gan@heldout-c_wgan_gp", "report"),
    ),
    "a knob of evaluate": (
        lambda folder: change_params(
            folder, lambda v: v["evaluate"].update(confidence=0.9)
        ),
        (
            "evaluate@heldout-c_wgan_gp-sequential_cnn",
            "evaluate@heldout-plain-sequential_cnn",
        ),
    ),
    "a knob of one GAN": (
        lambda folder: change_params(
            folder, lambda v: v["gans"].update(c_wgan_gp={"latent": 7})
        ),
        ("train_gan@heldout-c_wgan_gp",),
    ),
    "a new GAN": (
        lambda folder: change_params(folder, add_gan),
        [name.format("acgan") for name in OF_A_GAN],
    ),
    "the code of one GAN": (
        lambda folder: change_code(folder, "generators/gans/acgan.py", "WIDE = 2\n"),
        (),
    ),
    "a new way to balance": (
        lambda folder: change_params(folder, add_balancer),
        (
            *("oversample@heldout-adasyn", "split@heldout-adasyn"),
            "train_classifier@heldout-adasyn-sequential_cnn",
            "evaluate@heldout-adasyn-sequential_cnn",
            *("explain@heldout-adasyn-sequential_cnn", "report"),
        ),
    ),
    "how views of one balancer are changed": (
        lambda folder: change_params(
            folder,
            lambda v: v["balancers"]["c_wgan_gp"].update(augment={"turn": 90.0}),
        ),
        ("train_classifier@heldout-c_wgan_gp-sequential_cnn", "report"),
    ),
    "how one balancer draws": (
        lambda folder: change_params(
            folder, lambda v: v["balancers"]["c_wgan_gp"].update(sampling="sqrt")
        ),
        (
            "split@heldout-c_wgan_gp",
            *("train_classifier@heldout-c_wgan_gp-sequential_cnn", "report"),
        ),
    ),
    "a new classifier": (
        lambda folder: change_params(folder, add_classifier),
        (
            "train_classifier@heldout-plain-bayes",
            *("evaluate@heldout-plain-bayes", "explain@heldout-plain-bayes", "report"),
        ),
    ),
    "a knob of the classifier": (
        lambda folder: change_params(
            folder,
            lambda v: v["classifiers"]["sequential_cnn"].update(dropout=0.4),
        ),
        (
            "train_classifier@heldout-c_wgan_gp-sequential_cnn",
            "train_classifier@heldout-plain-sequential_cnn",
            *("assess@heldout-c_wgan_gp", "report"),
        ),
    ),
    "a knob of the classifier for one balancer": (
        lambda folder: change_params(
            folder,
            lambda v: v["classifiers"]["sequential_cnn"].update(
                overrides={"c_wgan_gp": {"dropout": 0.4}}
            ),
        ),
        ("train_classifier@heldout-c_wgan_gp-sequential_cnn", "report"),
    ),
    "the code of a kind of classifier": (
        lambda folder: change_code(folder, "classify/kinds/timm.py", "WIDE = 2\n"),
        (),
    ),
}


def test_other_stages_than_dvc_began_with_end_the_run(runs):
    folder = runs[0]
    change_params(folder, add_balancer)
    with pytest.raises(AssertionError, match="other stages than DVC began with"):
        run("dvc", "repro", "check", folder=folder)
    assert "adasyn" in run("dvc", "status", folder=folder)
    run("dvc", "repro", "check", folder=folder)  # the same command again
    run("git", "reset", "--hard", "--quiet", folder=folder)


@pytest.mark.parametrize("change, again", RERUNS.values(), ids=RERUNS)
def test_a_change_reruns_what_it_can_change(runs, change, again):
    folder = runs[0]
    change(folder)
    run("python", "src/check.py", folder=folder)  # as `make repro` does
    changed = json.loads(run("dvc", "status", "--json", folder=folder))
    run("git", "reset", "--hard", "--quiet", folder=folder)
    assert sorted(changed.keys() - {"check"}) == sorted(again)
