"""Stage `draw_gan`: the sheets of one GAN, from what `assess` picked."""

from cytobalance.assess.cell_sheet import draw_gan_sheet
from cytobalance.assess.closest_sheet import draw_closest_sheet
from cytobalance.assess.picks import read_picks
from cytobalance.assess.training_log import read_drawings
from cytobalance.assess.training_sheet import draw_training_sheet
from cytobalance.study import places
from cytobalance.study.options import read_item
from cytobalance.study.runtime import run_stage
from cytobalance.study.stages import read_settings


def main() -> None:
    """Draw real beside synthetic cells, the closest to a copy, and the training."""
    options = read_item("protocol", "gan")
    study = read_settings("draw_gan")
    protocol, gan = options.protocol, options.gan
    picks = read_picks(places.picks(protocol, gan))
    drawings = read_drawings(places.gan(protocol, gan), len(study.classes))

    title = f"{study.study.title}: {gan}, protocol {protocol}"
    key = places.key(protocol, gan)
    draw_gan_sheet(picks, places.gan_sheet(key), title, study.simulated)
    path = places.gan_sheet(key, "-closest")
    heading = f"{title}, closest to training cells"
    draw_closest_sheet(picks, path, heading, study.simulated)
    path, heading = places.gan_sheet(key, "-training"), f"{title}, training"
    draw_training_sheet(drawings, study.classes, path, heading, study.simulated)
    print(f"wrote {places.gan_sheet(key, '*')}")


if __name__ == "__main__":
    run_stage(main)
