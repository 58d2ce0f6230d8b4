"""Stage `draw_cells`: the curated cells and the copies among them, for the eye."""

from cytobalance.curation.census import count_by_source
from cytobalance.curation.census_sheet import draw_class_counts, draw_samples
from cytobalance.curation.copies_sheet import draw_gallery, draw_review
from cytobalance.study import places
from cytobalance.study.cells import CellSet, read_cells
from cytobalance.study.runtime import atomic_folder, random_stream, run_stage
from cytobalance.study.stages import View, read_settings
from cytobalance.study.tables import read_table, write_table

SAMPLES = 8  # cells of a class in the picture


def main() -> None:
    """Class counts as table and picture, cells of each class, conflicts and pairs."""
    study = read_settings("draw_cells")
    draw_classes(study, read_cells(places.CELLS))
    images = {name: read_cells(places.ingested(name)) for name in study.source_names}
    about = images, study.study.title, study.simulated
    with atomic_folder(places.COPIES) as folder:
        review = read_table(places.DUPLICATES / "review.csv")
        draw_review(folder / "review.png", review, *about)
        pairs = read_table(places.DUPLICATES / "pairs.csv")
        draw_gallery(folder / "gallery.png", pairs, *about)
    print(
        f"wrote class_counts.* and samples_per_class.png to {places.PLOTS}, and "
        f"{places.COPIES}"
    )


def draw_classes(study: View, cells: CellSet) -> None:
    """Write the class counts as table and picture, and a few cells of each class."""
    title = study.study.title
    by_source = count_by_source(study, cells.table)
    long = by_source.stack().rename("cells").reset_index()
    write_table(places.PLOTS / "class_counts.csv", long)
    draw_class_counts(
        places.PLOTS / "class_counts.png", by_source, title, study.simulated
    )
    samples = {}
    for label, rows in cells.table.groupby("label").indices.items():
        stream = random_stream(study.study.seed, "samples", label)
        chosen = stream.choice(rows, min(SAMPLES, len(rows)), replace=False)
        samples[label] = cells.images[sorted(chosen)]
    samples = {label: samples[label] for label in study.classes}
    draw_samples(
        places.PLOTS / "samples_per_class.png", samples, title, study.simulated
    )


if __name__ == "__main__":
    run_stage(main)
