"""params.yaml is read strictly; an error names key, group and legal values."""

from pathlib import Path

import pytest
import yaml

from cytobalance.study.params import read_study
from cytobalance.study.runtime import StudyError

SHIPPED = Path(__file__).parent.parent / "params.yaml"


@pytest.fixture
def edited(tmp_path):
    """Read the shipped study after a change of its values."""

    def read(change):
        values = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        change(values)
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return read_study(path)

    return read


def test_exponent_written_by_dvc_is_a_number(tmp_path):
    path = tmp_path / "params.yaml"
    text = SHIPPED.read_text(encoding="utf-8")
    old = next(line for line in text.splitlines() if "learning_rate" in line)
    path.write_text(text.replace(old, "  learning_rate: 1e-05"), encoding="utf-8")
    assert read_study(path).gan.learning_rate == 1e-05


FAULTS = {
    "unknown key": (
        lambda v: v["gan"].update(lr=1),
        ["gan.lr", "unknown key", "learning_rate"],
    ),
    "unknown group": (lambda v: v.update(gann={}), ["gann", "unknown key", "gan,"]),
    "unknown words of a person": (
        lambda v: v["card"].update(ethic="123"),
        ["card.ethic", "unknown key", "ethics"],
    ),
    "no words of a person": (lambda v: v["card"].update(ethics=""), ["card.ethics"]),
    "wrong type": (lambda v: v["gan"].update(batch="64"), ["gan.batch", "'64'"]),
    "float for a count": (lambda v: v["gan"].update(batch=6.5), ["gan.batch"]),
    "bool for a count": (lambda v: v["gan"].update(batch=True), ["gan.batch"]),
    "missing": (lambda v: v["gan"].pop("batch"), ["gan.batch", "missing"]),
    "out of range": (lambda v: v["gan"].update(batch=0), ["gan.batch", "1"]),
    "illegal choice": (
        lambda v: v["gan"].update(precision="fp8"),
        ["gan.precision", "fp32", "bf16"],
    ),
    "unknown protocol": (
        lambda v: v.update(protocols=["heldup"]),
        ["protocols", "paper", "heldout"],
    ),
    "unknown source key": (
        lambda v: v["sources"]["pbc_simulated"].update(cropp=1),
        ["sources.pbc_simulated.cropp", "unknown key", "layout", "crop"],
    ),
    "fractions": (
        lambda v: v["hold_out"].update(train=0.5),
        ["hold_out", "must be 1"],
    ),
    "thin names a class": (
        lambda v: v["hold_out"].update(thin={"blast": 3}),
        ["hold_out.thin", "blast", "myeloblast"],
    ),
    "type in two classes": (
        lambda v: v["merge"]["classes"]["monocyte"].append("monoblast"),
        ["monoblast", "one class"],
    ),
    "unknown type": (
        lambda v: v["merge"]["classes"]["monocyte"].append("monocite"),
        ["monocite", "legal", "monocyte"],
    ),
    "a maker that makes nothing": (
        lambda v: v["balancers"]["adasyn"].update(synthetic="acgan"),
        ["balancers.adasyn.synthetic", "`acgan`", "smote", "c_wgan_gp"],
    ),
    "no plain": (lambda v: v["balancers"].pop("plain"), ["balancers", "`plain: {}`"]),
    "another plain": (
        lambda v: v["balancers"].update(plain={"sampling": "sqrt"}),
        ["balancers", "`plain: {}`"],
    ),
    "unknown part of a recipe": (
        lambda v: v["balancers"]["weighted"].update(smapling="sqrt"),
        ["balancers.weighted.smapling", "unknown key", "sampling", "synthetic_weight"],
    ),
    "unknown sampling": (
        lambda v: v["balancers"]["weighted"].update(sampling="even"),
        ["balancers.weighted.sampling:", "balanced", "sqrt", "'even'"],
    ),
    "weights of no class": (
        lambda v: v["balancers"]["weighted"].update(sampling={"blast": 2.0}),
        ["balancers.weighted.sampling", "`blast`", "monoblast"],
    ),
    "weights of some classes": (
        lambda v: v["balancers"]["weighted"].update(sampling={"monoblast": 2.0}),
        ["balancers.weighted.sampling", "missing: basophil"],
    ),
    "a share of nothing": (
        lambda v: v["balancers"]["weighted"].update(share=0.5),
        ["balancers.weighted", "share needs `synthetic`"],
    ),
    "a share above 1": (
        lambda v: v["balancers"]["weighted_augmented_gan"].update(
            share={"monoblast": 1.5}
        ),
        ["balancers.weighted_augmented_gan.share.monoblast", "below 1"],
    ),
    "a share of no class": (
        lambda v: v["balancers"]["weighted_augmented_gan"].update(share={}),
        ["balancers.weighted_augmented_gan.share: must be a number, or hold"],
    ),
    "a share in words": (
        lambda v: v["balancers"]["weighted_augmented_gan"].update(share="half"),
        ["share: must be a number, or a group of `key: value` (got 'half')"],
    ),
    "an adjustment that no loss reads": (
        lambda v: v["balancers"]["weighted"].update(loss_adjustment=2.0),
        ["balancers.weighted", "loss_adjustment needs the loss logit_adjusted"],
    ),
    "a recipe without its braces": (
        lambda v: v["balancers"].update(plain=None),
        ["balancers.plain: must be a group of `key: value`, or {}"],
    ),
    "a list of names for balancers": (
        lambda v: v.update(balancers=["plain"]),
        ["params.yaml: balancers: must be a group of `key: value` (got ['plain'])"],
    ),
    "capitals in a name": (
        lambda v: v["balancers"].update(Weighted={}),
        ["balancers.Weighted: a name must be small letters"],
    ),
    "two unknown groups": (
        lambda v: v.update(classifier={}, oversamplers=[]),
        ["classifier, oversamplers: unknown key; legal keys here: study"],
    ),
    "an unknown change of views": (
        lambda v: v["balancers"]["weighted_augmented"]["augment"].update(blur=1),
        ["balancers.weighted_augmented.augment.blur", "unknown key", "cutout"],
    ),
    "unknown kind of classifier": (
        lambda v: v["classifiers"]["sequential_cnn"].update(kind="cnn"),
        ["classifiers.sequential_cnn", "scikit_learn", "timm"],
    ),
    "no kind": (
        lambda v: v["classifiers"]["sequential_cnn"].pop("kind"),
        ["classifiers.sequential_cnn", "kind"],
    ),
    "unknown key of a classifier": (
        lambda v: v["classifiers"]["sequential_cnn"].update(depth=3),
        ["classifiers.sequential_cnn.depth", "unknown key", "dropout"],
    ),
    "a classifier without plain": (
        lambda v: v["classifiers"]["sequential_cnn"].update(balancers=["weighted"]),
        ["classifiers.sequential_cnn.balancers", "plain"],
    ),
    "a classifier of no balancer": (
        lambda v: v["classifiers"]["sequential_cnn"].update(balancers=["plain", "x"]),
        ["classifiers.sequential_cnn", "`x` is no balancer", "adasyn"],
    ),
    "an override of no key": (
        lambda v: v["classifiers"]["sequential_cnn"].update(
            overrides={"weighted": {"lr": 1}}
        ),
        ["classifiers.sequential_cnn.overrides.weighted", "`lr`", "learning_rate"],
    ),
    "an override for a balancer that it does not see": (
        lambda v: v["classifiers"]["sequential_cnn"].update(
            balancers=["plain"], overrides={"weighted": {"epochs": 1}}
        ),
        ["classifiers.sequential_cnn.overrides", "`weighted`", "legal: plain"],
    ),
    "a word for a classifier's balancers": (
        lambda v: v["classifiers"]["sequential_cnn"].update(balancers="some"),
        ["classifiers.sequential_cnn.balancers: must be 'all', or a list (got 'some')"],
    ),
    "an override of the trials": (
        lambda v: v["classifiers"]["sequential_cnn"].update(
            overrides={"weighted": {"trials": 1}}
        ),
        ["classifiers.sequential_cnn.overrides.weighted", "`trials`"],
    ),
    "a loss that scikit-learn can't have": (
        lambda v: (
            v["balancers"]["weighted"].update(loss="logit_adjusted"),
            v["classifiers"].update(
                forest={
                    "kind": "scikit_learn",
                    "estimator": "RandomForestClassifier",
                    "trials": 1,
                }
            ),
        ),
        ["classifiers.forest.balancers", "`weighted`", "logit_adjusted"],
    ),
    "no classifier to assess": (
        lambda v: v["assess"].update(classifier="resnet"),
        ["assess.classifier"],
    ),
    "size": (lambda v: v["image"].update(size=40), ["image.size", "16"]),
    "neighbours too large": (
        lambda v: v["oversample"]["neighbours"].update(size=64),
        ["oversample.neighbours.size", "image.size"],
    ),
    "twice": (lambda v: v["protocols"].append("paper"), ["protocols", "twice"]),
    "no source to leave out": (
        lambda v: v["protocols"].append("source_out"),
        ["hold_out.left_out_source", "needed", "eone_simulated, lmu_simulated"],
    ),
    "an unknown source to leave out": (
        lambda v: v["hold_out"].update(left_out_source="lab"),
        ["hold_out.left_out_source", "`lab`", "null, eone_simulated"],
    ),
    "the only source left out": (
        lambda v: v.update(
            protocols=["heldout", "source_out"],
            sources={"pbc_simulated": v["sources"]["pbc_simulated"]},
            hold_out=v["hold_out"] | {"left_out_source": "pbc_simulated"},
        ),
        ["protocols", "`source_out`", "two sources"],
    ),
    "a source left out alone": (
        lambda v: v.update(
            protocols=["paper", "source_out"],
            hold_out=v["hold_out"] | {"left_out_source": "pbc_simulated"},
        ),
        ["protocols", "`source_out`", "`heldout`"],
    ),
    "betas": (lambda v: v["gan"].update(betas=[0.0, 1.5]), ["gan.betas", "1.5"]),
    "infinite rate": (
        lambda v: v["gan"].update(learning_rate=float("inf")),
        ["gan.learning_rate"],
    ),
    "crop": (
        lambda v: v["sources"]["pbc_simulated"].update(crop=1.5),
        ["sources.pbc_simulated.crop:"],
    ),
    "a path for a map": (
        lambda v: v["relabel"].update(maps=["../map.csv"]),
        ["relabel.maps"],
    ),
    "a path for an archive": (
        lambda v: v["sources"].update(
            lab=dict(layout="pbc", origin="published", archive="../lab")
        ),
        ["sources.lab.archive", "plain name", "'../lab'"],
    ),
    "unknown true count": (
        lambda v: v["simulator"]["true_counts"].append("monoblasts"),
        ["simulator.true_counts", "monoblasts"],
    ),
    "one class": (
        lambda v: v["merge"].update(classes={"monocyte": ["monocyte"]}),
        ["merge.classes", "2"],
    ),
    "a number for text": (
        lambda v: v["study"].update(title=2022),
        ["study.title", "put it in quotes", "2022"],
    ),
    "unknown gan": (lambda v: v["gans"].update(gan={}), ["gans.gan", "acgan"]),
    "unknown override of a gan": (
        lambda v: v["gans"]["c_wgan_gp"].update(lr=1),
        ["gans.c_wgan_gp.lr", "unknown key", "learning_rate"],
    ),
    "illegal override of a gan": (
        lambda v: v["gans"]["c_wgan_gp"].update(latent=0),
        ["gans.c_wgan_gp.latent", "from 1"],
    ),
    "no simulator": (lambda v: v.update(simulator=None), ["simulator"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_refused_in_one_line_that_names_it(edited, fault):
    change, words = FAULTS[fault]
    with pytest.raises(StudyError) as caught:
        edited(change)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "name", [".", "..", "/lab", "a/b", "..\\lab", "lab/", "a\nb", "a\0"]
)
def test_only_a_plain_name_is_an_archive_a_map_or_a_decision(edited, name):
    source = {"layout": "pbc", "origin": "published", "archive": name}
    for change in (
        lambda v: v["sources"].update(lab=source),
        lambda v: v["relabel"].update(maps=[name]),
        lambda v: v["dedup"].update(decisions=[name]),
    ):
        with pytest.raises(StudyError, match="plain name of a file or folder"):
            edited(change)
    plain = {**source, "archive": ".my set (2).zip"}
    assert edited(lambda v: v["sources"].update(lab=plain))


def test_not_yaml_and_not_there(tmp_path):
    path = tmp_path / "params.yaml"
    with pytest.raises(StudyError, match="missing"):
        read_study(path)
    path.write_text("a: [1", encoding="utf-8")
    with pytest.raises(StudyError, match="not YAML"):
        read_study(path)
    for content in (b"title: 2022-13-01", "title: Zellbl\xf6cke".encode("latin-1")):
        path.write_bytes(content)
        with pytest.raises(StudyError, match="not YAML"):
            read_study(path)
    path.write_text("- 1", encoding="utf-8")
    with pytest.raises(StudyError, match="groups"):
        read_study(path)


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    text = SHIPPED.read_text(encoding="utf-8")
    path.write_text(text.replace("study:\n", "study:\n  seed: 1\n"), encoding="utf-8")
    with pytest.raises(StudyError, match="`seed` stands twice"):
        read_study(path)


LAB = """sources:
  lab:
    layout: folder
    origin: published
    archive: lab
    codes:
      Mono: monocyte
      {}: basophil
"""


@pytest.mark.parametrize(
    "key", ["0", "0001", "NO", "on", "1.5", "1e3", "null", "~", "2024-01-01"]
)
def test_a_key_that_yaml_takes_for_no_text_must_stand_in_quotes(key, tmp_path):
    path = tmp_path / "params.yaml"
    text = SHIPPED.read_text(encoding="utf-8")
    path.write_text(text.replace("sources:\n", LAB.format(key), 1), encoding="utf-8")
    line = 1 + path.read_text().splitlines().index(f"      {key}: basophil")
    with pytest.raises(StudyError) as caught:
        read_study(path)
    message = str(caught.value)
    assert f"key `{key}` in line {line}" in message
    assert message.endswith(f"put it in quotes: '{key}'")
    quoted = text.replace("sources:\n", LAB.format(f"'{key}'"), 1)
    path.write_text(quoted, encoding="utf-8")
    assert read_study(path).sources["lab"].codes[key] == "basophil"


def test_a_study_may_train_no_gan(edited):
    def without(values):
        values["gans"] = {}
        for name in ("c_wgan_gp", "weighted_augmented_gan"):
            del values["balancers"][name]

    study = edited(without)
    assert study.gans == () and study.gan_balancers == ()
    assert study.oversamplers == ("none", "augmented", "adasyn")


def test_overrides_hold_for_their_recipe_alone(edited):
    def change(values):
        cnn = values["classifiers"]["sequential_cnn"]
        cnn["overrides"] = {"weighted": {"learning_rate": 0.5}}

    trainings = edited(change).trainings
    assert trainings["weighted-sequential_cnn"].learning_rate == 0.5
    assert trainings["plain-sequential_cnn"].learning_rate == 0.001
    # What the others are is no part of a recipe's settings.
    assert trainings["weighted-sequential_cnn"].overrides == {}
