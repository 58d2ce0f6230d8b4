"""Names, labels and subjects that look like numbers, truth values or nothing."""

import json
from pathlib import Path

import archives
import cv2
import yaml
from finished_study import run_main
from ingested_study import paint, write_params
from tiny_study import CHANGES

from cytobalance.study.tables import read_table

CODES = {"007": "true", "1e5": "false", "NA": "false", "nan": "true", "True": "true"}
SUBJECTS = ("NA", "1e5", "0001", "1", "nan", "False", "null", "1.0", "-inf", "0x10")


def write_lab(folder):
    """A study of one source of layout `table` in data/raw; its table's rows."""
    write_params(folder, {"true": ["true"], "false": ["false"]}, **CHANGES)
    study = yaml.safe_load(Path("params.yaml").read_text())
    lab = {"layout": "table", "origin": "published", "archive": "a", "codes": CODES}
    study["sources"] = {"lab": lab}
    study |= {"protocols": ["heldout"], "balancers": {"plain": {}}}
    Path("params.yaml").write_text(json.dumps(study))  # YAML too, all text in quotes
    codes, rows, files = list(CODES), {}, {}
    for k in range(5 * len(SUBJECTS)):
        name = f"{k:04d}"
        rows[name] = codes[k % len(codes)], SUBJECTS[k // 5]
        files[name] = cv2.imencode(".png", paint(k))[1].tobytes()
    lines = ["path,label,subject", *(f"{n},{c},{s}" for n, (c, s) in rows.items())]
    files["labels.csv"] = "\n".join(lines).encode()
    Path("data/raw/lab").mkdir(parents=True)
    archives.write_zip(Path("data/raw/lab/a.zip"), files)
    return rows


def test_text_that_looks_like_something_else_comes_through(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = write_lab(tmp_path)
    for stage in ("ingest", "relabel", "dedup", "merge", "hold_out"):
        run_main((stage, ()), monkeypatch)
    run_main(("oversample", ("heldout", "none")), monkeypatch)
    run_main(("split", ("heldout", "plain")), monkeypatch)
    item = ("heldout", "plain", "sequential_cnn")
    for stage in ("train_classifier", "evaluate"):
        run_main((stage, item), monkeypatch)
    cells = read_table(Path("data/cells/cells.csv"))
    found = zip(cells["raw_label"], cells["subject"], strict=True)
    assert dict(zip(cells["file"], found, strict=True)) == rows
    assert list(cells["label"]) == [CODES[code] for code in cells["raw_label"]]
    assert cells["group"].nunique() == len(SUBJECTS)
    label = dict(zip(cells["cell_id"], cells["label"], strict=True))
    for place in ("splits/heldout/plain", "predictions/heldout-plain-sequential_cnn"):
        table = read_table(Path(f"data/{place}.csv"))
        assert list(table["label"]) == [label[cell] for cell in table["cell_id"]]
    assert set(table["predicted"]) <= {"true", "false"}
