"""Stage `draw_gan`: the sheets of one GAN, from what `assess` picked."""

from pathlib import Path

from cytobalance.assess.cell_sheet import draw_gan_sheet
from cytobalance.assess.closest_sheet import draw_closest_sheet
from cytobalance.assess.picks import read_picks
from cytobalance.assess.training_log import read_progress
from cytobalance.assess.training_sheet import draw_progress_sheet
from cytobalance.study.options import read_item
from cytobalance.study.runtime import run_stage
from cytobalance.study.stages import read_settings


def main() -> None:
    """Draw real beside synthetic cells, the closest to a copy, and the training."""
    options = read_item("protocol", "gan")
    study = read_settings("draw_gan")
    protocol, gan = options.protocol, options.gan
    picks = read_picks(Path(f"data/assess/{protocol}/{gan}"))
    progress = read_progress(Path(f"models/gan/{protocol}/{gan}"), len(study.classes))

    title = f"{study.study.title}: {gan}, protocol {protocol}"
    sheet = f"plots/gan/{protocol}-{gan}"
    draw_gan_sheet(picks, Path(f"{sheet}.png"), title, study.simulated)
    path, heading = f"{sheet}-closest.png", f"{title}, closest to training cells"
    draw_closest_sheet(picks, Path(path), heading, study.simulated)
    path, heading = f"{sheet}-training.png", f"{title}, training"
    draw_progress_sheet(progress, study.classes, Path(path), heading, study.simulated)
    print(f"wrote {sheet}*.png")


if __name__ == "__main__":
    run_stage(main)
