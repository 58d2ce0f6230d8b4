"""The one table of public image sets: where they are, what they are, how to cite."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublicSet:
    """One public archive. `url` is None where no program can fetch it: then `steps`.

    archive: the name it has in data/incoming. checksum: `md5:` or `sha256:` and hex,
    size: bytes; both None where the publisher states none that we could check.
    """

    layout: str
    archive: str
    licence: str
    citation: str
    page: str
    url: str | None = None
    checksum: str | None = None
    size: int | None = None
    steps: tuple[str, ...] = ()


_PBC = "Acevedo et al., Data in Brief 30 (2020) 105474, doi:10.1016/j.dib.2020.105474"
_LMU = "Matek et al., Nat. Mach. Intell. 1 (2019) 538, doi:10.1038/s42256-019-0101-9"
_MLL = "Matek et al., Blood 138 (2021) 1917, doi:10.1182/blood.2020010568"
_CNMC = "Gupta and Gupta, C-NMC 2019, TCIA (2019), doi:10.7937/tcia.2019.dc64i46r"
_MEDMNIST = "Yang et al., Scientific Data 10 (2023) 41, doi:10.1038/s41597-022-01721-8"
_ASPERA = (
    "install IBM Aspera Connect, which the archive's pages ask for",
    "on the page choose Download and let Aspera fetch the images",
)


def _bloodmnist(side: str, md5: str) -> PublicSet:
    name = f"bloodmnist{side}.npz"
    return PublicSet(
        layout="bloodmnist",
        archive=name,
        licence="CC BY 4.0",
        citation=f"{_MEDMNIST}; images: {_PBC}",
        page="https://zenodo.org/records/10519652",
        url=f"https://zenodo.org/records/10519652/files/{name}?download=1",
        checksum=f"md5:{md5}",
    )


PUBLIC_SETS = (
    PublicSet(
        layout="pbc",
        archive="PBC_dataset_normal_DIB.zip",
        licence="CC BY 4.0",
        citation=_PBC,
        page="https://data.mendeley.com/datasets/snkd93bnjr/1",
        url="https://data.mendeley.com/public-files/datasets/snkd93bnjr/files/"
        "2fc38728-2ae7-4a62-a857-032af82334c3/file_downloaded",
    ),
    PublicSet(
        layout="lmu",
        archive="AML-Cytomorphology_LMU",
        licence="CC BY 3.0",
        citation=_LMU,
        page="https://doi.org/10.7937/tcia.2019.36f5o9ld",
        steps=_ASPERA,
    ),
    PublicSet(
        layout="mll",
        archive="BM_cytomorphology_data.zip",
        licence="CC BY 4.0",
        citation=_MLL,
        page="https://doi.org/10.7937/TCIA.AXH3-T579",
        steps=_ASPERA,
    ),
    PublicSet(
        layout="cnmc",
        archive="C-NMC_Leukemia",
        licence="CC BY 3.0",
        citation=_CNMC,
        page="https://doi.org/10.7937/tcia.2019.dc64i46r",
        steps=_ASPERA,
    ),
    _bloodmnist("", "7053d0359d879ad8a5505303e11de1dc"),
    _bloodmnist("_64", "2b94928a2ae4916078ca51e05b6b800b"),
    _bloodmnist("_128", "adace1e0ed228fccda1f39692059dd4c"),
    _bloodmnist("_224", "b718ff6835fcbdb22ba9eacccd7b2601"),
)


def find_public(archive: str) -> PublicSet | None:
    """The public set whose archive has this name, if there is one."""
    return next((item for item in PUBLIC_SETS if item.archive == archive), None)


def explain_placing(layout: str, archive: str) -> str:
    """Numbered steps, in one line, to get `archive` and put it where it is found."""
    entry = find_public(archive) or next(
        (item for item in PUBLIC_SETS if item.layout == layout), None
    )
    if entry:
        steps = [f"open {entry.page} ({entry.licence})", *entry.steps]
        if not entry.steps:
            steps.append("download the archive with a browser")
    else:
        steps = ["get the archive from whoever keeps it, no public page has it"]
    steps += [
        f"put it under the name {archive} into data/incoming "
        "(or: make take FROM=its folder)",
        "run `dvc repro` again",
    ]
    return "; ".join(f"({number}) {step}" for number, step in enumerate(steps, 1))
