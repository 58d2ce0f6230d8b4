"""What the checklist, the cards and the diagram of the data rest on, gathered once."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pandas as pd

from cytobalance.balance.hold_out import count_parts
from cytobalance.curation.agreement import Agreement, measure_agreement
from cytobalance.curation.relabel import read_maps
from cytobalance.report.settings import Card
from cytobalance.sources.catalogue import PublicSet, find_public
from cytobalance.study import places
from cytobalance.study.damage import damaged, reading
from cytobalance.study.stages import View
from cytobalance.study.tables import read_table

# What metrics/dataset.json must hold.
CENSUS = {
    "files": dict.fromkeys(("total", "kept", "rejected"), int),
    **dict.fromkeys(("rejected", "class_by_source"), dict),
    **dict.fromkeys(("published_types", "types"), dict),
    **{"relabelled": int, "groups": int, "imbalance": float, "warnings": list},
    "related": {"note": str},
}
# Packages whose versions can change a result.
LIBRARIES = (
    *("torch", "torchvision", "timm", "scikit-learn", "numpy", "scipy", "pandas"),
    *("pillow", "opencv-python-headless", "crepes", "captum", "dvc"),
)


@dataclass(frozen=True)
class SourceFacts:
    """One source. files: files or rows of its archive; kept: cells of the study."""

    name: str
    origin: str
    layout: str
    crop: float | int
    archive: str | None
    sha256: str | None
    licence: str | None
    citation: str | None
    page: str | None
    files: int
    kept: int
    with_subject: int
    subjects: int


@dataclass(frozen=True)
class DataFacts:
    """The cell set, from files to parts.

    dataset: metrics/dataset.json. parts: class -> part -> cells, `thinned` among them;
    groups: part -> groups. judged: test cells that an expert's map names. agreement:
    None where the study has no map.
    """

    title: str
    seed: int
    simulator_seed: int | None
    simulated: bool
    card: Card
    size: int
    classes: dict[str, tuple[str, ...]]
    shares: dict[str, float]
    published_split: str
    thin: dict[str, int]
    rule: str
    sources: tuple[SourceFacts, ...]
    dataset: dict[str, Any]
    parts: pd.DataFrame
    groups: dict[str, int]
    judged: int
    agreement: Agreement | None


def gather_data(study: View, dataset: dict[str, Any]) -> DataFacts:
    """Read what is known of the cells; study: the settings that `report` reads.

    Raises StudyError where a file is missing or damaged.
    """
    cells = read_table(places.CELL_TABLE)
    rejected = read_table(places.CELLS / "rejected.csv")
    hold_out = read_table(places.HOLD_OUT)
    files = pd.concat([cells, rejected])[["source", "file"]]
    maps = read_maps(study.relabel.maps, files)
    tested = hold_out.loc[hold_out["part"] == "test", "cell_id"]
    test = cells.loc[cells["cell_id"].isin(tested), ["source", "file"]]
    return DataFacts(
        title=study.study.title,
        seed=study.study.seed,
        simulator_seed=study.simulator.seed if study.simulated else None,
        simulated=study.simulated,
        card=study.card,
        size=study.image.size,
        classes=study.merge.classes,
        shares={p: getattr(study.hold_out, p) for p in ("train", "test", "validation")},
        published_split=study.hold_out.published,
        thin=study.hold_out.thin,
        rule=study.relabel.rule,
        sources=tuple(_gather_sources(study, cells, files)),
        dataset=dataset,
        parts=count_parts(hold_out, study.classes),
        groups=hold_out.groupby("part")["group"].nunique().to_dict(),
        judged=len(test.merge(maps[["source", "file"]].drop_duplicates())),
        agreement=measure_agreement(maps) if study.relabel.maps else None,
    )


def _gather_sources(
    study: View, cells: pd.DataFrame, files: pd.DataFrame
) -> Iterable[SourceFacts]:
    survey = _read_survey()
    for name, source in study.sources.items():
        own = cells[cells["source"] == name]
        subjects = own.loc[own["subject"] != "", "subject"]
        public = find_public(source.archive) if source.archive else None
        yield SourceFacts(
            name=name,
            origin=source.origin,
            layout=source.layout,
            crop=source.crop,
            archive=source.archive,
            sha256=((survey.get(name) or {}).get("found") or {}).get("sha256"),
            licence=source.licence or _of(public, "licence"),
            citation=_of(public, "citation"),
            page=_of(public, "page"),
            files=int((files["source"] == name).sum()),
            kept=len(own),
            with_subject=len(subjects),
            subjects=subjects.nunique(),
        )


def _of(public: PublicSet | None, fact: str) -> str | None:
    return getattr(public, fact) if public else None


def _read_survey() -> dict[str, Any]:
    """Source -> what was noted of its archive."""
    with reading(places.SURVEY):
        noted = json.loads(places.SURVEY.read_text(encoding="utf-8"))
    if not isinstance(noted, dict) or not isinstance(noted.get("sources"), dict):
        raise damaged(places.SURVEY, "holds no `sources` as it should")
    return noted["sources"]


def list_versions() -> dict[str, str]:
    """Library -> version, as installed where the report is written."""
    return {name: version(name) for name in LIBRARIES}
