"""Relabel maps: votes, rules, stale rows, and LMU's own re-annotations."""

import unicodedata

import pandas as pd
import pytest
from archives import write_folder

import map_annotations
from cytobalance.curation.reannotations import lmu_reannotations
from cytobalance.curation.relabel import (
    MAP_COLUMNS,
    read_maps,
    relabel_cells,
    settle,
)
from cytobalance.study.runtime import StudyError

FILES = {"a": "monocyte", "b": "monocyte", "c": "myeloblast", "d": "basophil"}


def ingested() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cell_id": [name * 16 for name in FILES],
            "source": "lab",
            "file": list(FILES),
            "subject": "",
            "raw_label": "X",
            "type": list(FILES.values()),
            "width": 10,
            "height": 10,
            "published_part": "",
        }
    )


def votes(*rows: str) -> pd.DataFrame:
    """Rows "file to annotator", `from` as published."""
    table = pd.DataFrame([row.split() for row in rows], columns=["file", "to", "who"])
    return pd.DataFrame(
        {
            "source": "lab",
            "file": table["file"],
            "from": table["file"].map(FILES).fillna("monocyte"),
            "to": table["to"],
            "annotator": table["who"],
            "reason": "",
            "date": "",
            "where": [f"map.csv line {2 + i}" for i in range(len(table))],
        }
    )


def types_under(maps: pd.DataFrame, rule: str) -> dict[str, str]:
    table = relabel_cells(ingested(), maps, rule)
    return dict(zip(table["file"], table["type"] + table["dropped"], strict=True))


def test_majority_wins_and_a_tie_keeps_the_published_type():
    maps = votes(
        "a myeloblast x", "a myeloblast y", "a monocyte z", "b myeloblast x",
        "b monoblast y", "c monocyte x",
    )  # fmt: skip
    assert types_under(maps, "majority") == {
        "a": "myeloblast",
        "b": "monocyte",
        "c": "monocyte",
        "d": "basophil",
    }


def test_unanimous_needs_every_annotator_and_original_changes_nothing():
    maps = votes("a myeloblast x", "a monocyte y", "c monocyte x", "c monocyte y")
    assert types_under(maps, "unanimous") == FILES | {"c": "monocyte"}
    assert types_under(maps, "original") == FILES


def test_a_cell_nobody_can_tell_is_dropped_with_a_reason_and_keeps_its_type():
    table = relabel_cells(ingested(), votes("d UNC x"), "majority").set_index("file")
    assert table.loc["d", "type"] == "basophil"
    assert "cannot be told" in table.loc["d", "dropped"]
    assert (table["dropped"] != "").sum() == 1


def test_every_row_that_does_not_fit_is_named_in_one_line():
    maps = votes("a myeloblast x", "a UNC x", "b blast x", "e monocyte x", "d UNC x")
    maps.loc[4, "source"] = "other"
    maps.loc[5] = pd.Series(dict(maps.loc[0]) | {"file": "c", "from": "basophil"})
    maps.loc[5, "where"] = "map.csv line 7"
    with pytest.raises(StudyError) as error:
        relabel_cells(ingested(), maps, "original")
    text = str(error.value)
    assert text.startswith("5 rows") and "\n" not in text
    for line, problem in (
        (3, "named this file before"),
        (4, "`to` is no type: blast"),
        (5, "no such ingested file"),
        (6, "no such source"),
        (7, "`from` is basophil, published is myeloblast"),
    ):
        assert f"map.csv line {line} " in text and problem in text
    assert "line 2 " not in text and "make expert" in text


def test_maps_are_read_as_spreadsheets_save_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/expert").mkdir(parents=True)
    text = "\ufeff" + ",".join((*MAP_COLUMNS, "note")) + "\r\n"
    text += "lab, a ,monocyte,myeloblast,x,,2024,seen twice\r\n"
    (tmp_path / "data/expert/map.csv").write_text(text, encoding="utf-8", newline="")
    maps = read_maps(("map.csv",), ingested())
    assert types_under(maps, "majority")["a"] == "myeloblast"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "missing"),
        (b"source,file\nlab,a\n", "from"),
        (b"\xff\xfe\x00", "CSV UTF-8"),
    ],
)
def test_a_file_that_is_no_map_says_so(tmp_path, monkeypatch, content, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/expert").mkdir(parents=True)
    if content is not None:
        (tmp_path / "data/expert/map.csv").write_bytes(content)
    with pytest.raises(StudyError, match=word):
        read_maps(("map.csv",), ingested())


def write_map(folder, text: str, name: str = "map.csv") -> None:
    (folder / "data/expert").mkdir(parents=True, exist_ok=True)
    (folder / "data/expert" / name).write_text(text, encoding="utf-8")


HEAD = ",".join(MAP_COLUMNS) + "\n"


def test_a_map_whose_rows_hold_an_unquoted_comma_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    row = "lab,a,monocyte,myeloblast,x,,Jan 12, 2024\n"
    write_map(tmp_path, HEAD + 169 * row)
    with pytest.raises(StudyError, match=r"line 2 \(and 168 more rows\): 8 fields"):
        read_maps(("map.csv",), ingested())
    write_map(tmp_path, HEAD + row.replace("Jan 12, 2024", '"Jan 12, 2024"'))
    assert read_maps(("map.csv",), ingested())["date"].tolist() == ["Jan 12, 2024"]


def test_a_map_finds_its_files_whichever_way_accents_are_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nfc, nfd = (unicodedata.normalize(form, "é/é") for form in ("NFC", "NFD"))
    cells = ingested().replace({"file": {"a": nfd, "b": " b "}})
    rows = f"lab,{nfc},monocyte,myeloblast,é,,\n\nlab,b,monocyte,monoblast,é,,\n"
    written = HEAD.replace(",", ";") + rows.replace(",", ";")
    write_map(tmp_path, written, unicodedata.normalize("NFD", "kärtchen.csv"))
    maps = read_maps((unicodedata.normalize("NFC", "kärtchen.csv"),), cells)
    table = relabel_cells(cells, maps, "majority")
    assert table.loc[table["file"] == nfd, "type"].tolist() == ["myeloblast"]
    assert table.loc[table["file"] == " b ", "type"].tolist() == ["monoblast"]
    assert maps["where"].str.endswith(("line 2", "line 4")).all()
    # One annotator, whose name is written in both ways, has one vote.
    again = unicodedata.normalize("NFD", rows.partition("\n")[0])
    write_map(tmp_path, HEAD + rows + again)
    with pytest.raises(StudyError, match=r"map\.csv line 5 .*named this file before"):
        relabel_cells(cells, read_maps(("map.csv",), cells), "majority")


def test_second_opinions_go_to_every_folder_that_holds_the_image(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    table = "BAS/BAS_1.tiff BAS EOS UNC\nBAS/BAS_2.tiff BAS nan nan\n"
    table += "EOS/EOS_1.tiff EOS EOS BAS\n"
    files = {"annotations.dat": table.encode()}
    write_folder(tmp_path / "data/raw/lmu", files)
    cells = pd.DataFrame({"file": ["A/BAS/BAS_1.tiff", "B/BAS/BAS_1.tiff"]})
    monkeypatch.setattr(map_annotations, "read_table", lambda path: cells)
    maps = map_annotations.map_source("lmu")
    assert list(maps.columns) == list(MAP_COLUMNS)
    assert sorted(maps["file"]) == 2 * ["A/BAS/BAS_1.tiff"] + 2 * ["B/BAS/BAS_1.tiff"]
    assert "4 second opinions, 2 on images not ingested" in capsys.readouterr().out


def kappa(a: pd.Series, b: pd.Series) -> float:
    agree = (a == b).mean()
    chance = (a.value_counts(True) * b.value_counts(True)).sum()
    return (agree - chance) / (1 - chance)


def test_lmu_reannotations_agree_as_published(real_data):
    path = real_data / "aml_lmu/annotations.dat"
    maps = lmu_reannotations(path.read_text())
    assert len(path.read_text().splitlines()) == 18_365
    assert maps["file"].nunique() == 1_905
    for who, agreement, expected in (("first", 0.849, 0.80), ("second", 0.803, 0.75)):
        one = maps[maps["annotator"] == who]
        assert len(one) == 1_905
        assert (one["from"] == one["to"]).mean() == pytest.approx(agreement, abs=5e-4)
        assert kappa(one["from"], one["to"]) == pytest.approx(expected, abs=5e-3)
    assert not (maps["to"] == maps["from"])[maps["from"] == "monoblast"].any()
    assert (settle(maps, "majority") == "UNC").sum() == 44
