"""Where every file of a study lies, and the key by which a classifier's are named.

Relative to the project's top folder. dvc.yaml repeats those that are a stage's output,
so a stage's fingerprint leaves this module out (`stages.py`). A `*` for a name gives
the pattern of all names.
"""

from pathlib import Path

# Archives, from arrival to images of one size.
INCOMING = Path("data/incoming")
FETCHED = Path("data/fetched")  # outside the graph, so that nothing is fetched twice
SURVEY = Path("data/sources.json")
RAW = Path("data/raw")  # a folder or an archive a source
INGESTED = Path("data/ingested")  # a cell set a source
UNREAD = Path("data/unread")  # rejected.csv of a source that stopped `ingest`

# Curation.
EXPERT = Path("data/expert")  # written by people, in Git
RELABELLED = Path("data/relabelled.csv")
DUPLICATES = Path("data/duplicates")
CELLS = Path("data/cells")  # the final cell set
CELL_TABLE = CELLS / "cells.csv"
CLASSES = CELLS / "classes.csv"
HOLD_OUT = Path("data/hold_out.csv")
SOURCE_OUT = Path("data/source_out.csv")  # where protocol `source_out` is run

# What Git tracks of the results.
DATASET = Path("metrics/dataset.json")
SHORTCUTS = Path("metrics/shortcuts.json")
SUMMARY = Path("metrics/summary.json")
RUNS = Path("metrics/runs")  # a folder a classifier, in it a file a recipe
COST = Path("metrics/cost.json")  # by `make cost`, no stage's
PLOTS = Path("plots")
PAGE = PLOTS / "report.html"
CARDS = PLOTS / "cards"  # checklist, datasheet and model cards, in Markdown
COPIES = PLOTS / "copies"

# States of unfinished GAN trainings, outside the graph.
GAN_STATES = Path(".cache/train_gan")
# What runs: a file a running stage with its process, and one with its progress.
LOCKS = Path(".cache/locks")
PROGRESS = Path(".cache/progress")
# What the stages took, outside the graph.
COSTS = Path(".cache/costs.json")
# What DVC compares of each stage's settings and code.
STAGES = Path("stages")


def key(*names: str) -> str:
    """`protocol-balancer-classifier` or `protocol-gan`; no name holds a hyphen."""
    return "-".join(names)


def key_names(key: str) -> tuple[str, ...]:
    """The names that `key` joined."""
    return tuple(key.split("-"))


def ingested(source: str) -> Path:
    """The cell set of one source."""
    return INGESTED / source


def unread(source: str) -> Path:
    """The table of what a source that stopped `ingest` held and could not be read."""
    return UNREAD / f"{source}.csv"


def deal(protocol: str) -> Path:
    """The table of which part each real cell plays in a protocol."""
    return SOURCE_OUT if protocol == "source_out" else HOLD_OUT


def gan(protocol: str, gan: str) -> Path:
    """The folder of a trained GAN: generator, losses, cells drawn on the way."""
    return Path("models/gan") / protocol / gan


def synthetic(protocol: str, maker: str) -> Path:
    """The cell set that a GAN or an oversampler made."""
    return Path("data/synthetic") / protocol / maker


def picks(protocol: str, gan: str) -> Path:
    """The folder of cells that `assess` picked for the GAN's sheets."""
    return Path("data/assess") / protocol / gan


def gan_metrics(key: str) -> Path:
    """What `assess` measured of a GAN. key: protocol and GAN."""
    return Path("metrics/gan") / f"{key}.json"


def gan_losses(key: str) -> Path:
    """The losses of a GAN's training, thinned for Git."""
    return PLOTS / "losses" / f"{key}.csv"


def gan_sheet(key: str, kind: str = "") -> Path:
    """A sheet of a GAN's cells. kind: empty, `-closest` or `-training`."""
    return PLOTS / "gan" / f"{key}{kind}.png"


def split(protocol: str, balancer: str) -> Path:
    """The table of a balancer's training, validation and test cells."""
    return Path("data/splits") / protocol / f"{balancer}.csv"


def classifier(key: str) -> Path:
    """The folder of a trained classifier. key: protocol, balancer and classifier."""
    return Path("models/classifiers") / key


def predictions(key: str) -> Path:
    """The predictions of a classifier for validation and test cells, every trial's."""
    return Path("data/predictions") / f"{key}.csv"


def curves(key: str) -> Path:
    """The training curves of a classifier."""
    return Path("data/curves") / f"{key}.csv"


def views(key: str) -> Path:
    """How often a classifier's trainings showed the cells of each class and origin."""
    return Path("data/views") / f"{key}.csv"


def scores(key: str) -> Path:
    """What `evaluate` says of a classifier: scores, confusion, misses."""
    return Path("metrics/classifiers") / f"{key}.json"


def explained(key: str) -> Path:
    """The cells behind a classifier's counts: what `explain` says of them."""
    return PLOTS / "explained" / f"{key}.json"


def classifier_table(kind: str, key: str) -> Path:
    """A table of one classifier for `dvc plots`. kind: `confusion` or `curves`."""
    return PLOTS / kind / f"{key}.csv"
