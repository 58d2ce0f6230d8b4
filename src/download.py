"""Download: bring every source's archive to data/raw as published, or simulate it."""

import argparse
from importlib import import_module
from pathlib import Path

from cytobalance.sources.placing import obtain, place, take
from cytobalance.study import places
from cytobalance.study.params import read_study
from cytobalance.study.runtime import atomic_folder, run_stage
from cytobalance.study.stages import read_settings


def main() -> None:
    """Fill data/raw, a folder a source; with --take only data/incoming."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--take",
        type=Path,
        metavar="FOLDER",
        help="bring the archives that params.yaml names from FOLDER to data/incoming",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="with --take: let them take the place of others of the same name",
    )
    options = parser.parse_args()
    if options.take:
        lines = take(read_study(), options.take, places.INCOMING, options.replace)
        print("\n".join(lines))
        return
    study = read_settings("download")
    with atomic_folder(places.RAW) as raw:
        for name, source in study.sources.items():
            if source.origin == "published":
                archive = obtain(name, source, places.INCOMING, places.FETCHED)
                place(archive, raw / name)
                print(f"{name}: placed {archive.name}")
            else:
                # By name, so that a study of published images needs no simulator.
                simulator = import_module("cytobalance.simulator.archives")
                simulator.write_source(study, name, raw / name)
                print(f"{name}: simulated in the layout of {source.layout}")
    print(f"wrote {places.RAW}")


if __name__ == "__main__":
    run_stage(main)
