"""Names that hold line ends, quotes, separators, `$` and blanks: a file is one row."""

import json
from pathlib import Path

import archives
import cv2
import yaml
from ingested_study import paint, write_params

import dedup
import ingest
import merge
import relabel
from cytobalance.study.cells import read_cells
from cytobalance.study.tables import read_table

ODD = ("Icon\r.png", "a\nb.png", "\r\n.png", 'q"u,o;t\te.png', " lead.png ", "$x$.png")


def test_odd_names_are_one_row_each_from_ingest_to_the_cell_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codes = {"M\r": "monocyte", " N$ $": "neutrophil"}
    files = {}
    for k, name in enumerate(ODD):
        for label in codes:
            frame = cv2.imencode(".png", paint(2 * k + (label == "M\r")))[1].tobytes()
            files[f"{label}/{name}"] = frame
            files[f"{label}/x/{name}"] = b""  # unreadable
    write_params(tmp_path, {"monocyte": ["monocyte"], "granulocyte": ["neutrophil"]})
    study = yaml.safe_load(Path("params.yaml").read_text())
    lab = {"layout": "folder", "origin": "published", "archive": "a"}
    study["sources"] = {"lab": {**lab, "codes": codes | {"x": "monocyte"}}}
    Path("params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    Path("data/raw/lab").mkdir(parents=True)
    archives.write_zip(Path("data/raw/lab/set.zip"), files)
    ingest.main()
    for stage in (relabel, dedup, merge):
        stage.main()
    census = json.loads(Path("metrics/dataset.json").read_text())
    cells = read_cells(tmp_path / "data/cells").table
    rejected = read_table(tmp_path / "data/cells/rejected.csv")
    assert census["files"] == {"total": 24, "kept": 12, "rejected": 12}
    assert sorted([*cells["file"], *rejected["file"]]) == sorted(files)
    assert set(cells["raw_label"]) == set(codes)
    assert census["rejected"]["ingest"] == {"empty file": 12}
