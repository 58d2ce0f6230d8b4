"""Tables that people write: what is forgiven, and what is an error with its line."""

import codecs

import pandas as pd
import pytest

from cytobalance.study.runtime import StudyError
from cytobalance.study.sheets import LONGEST, read_sheet

COLUMNS = ("path", "label", "subject")
ROWS = [["a.png", "M", "007"], ["b, c.png", "true", "NA"]]
PLAIN = 'path,label,subject\na.png,M,007\n"b, c.png",true,NA\n'
TABS = "path\tlabel\tsubject\na.png\tM\t007\nb, c.png\ttrue\tNA\n"


def read(text: str | bytes) -> pd.DataFrame:
    data = text if isinstance(text, bytes) else text.encode()
    return read_sheet(data, "labels.csv", COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        codecs.BOM_UTF16_LE + TABS.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip("\n"),
        "path;label;subject\na.png;M;007\nb, c.png;true;NA\n",
        TABS,
        "\n\n" + PLAIN.replace("\n", "\n\n ,,\n"),
        PLAIN.replace("path,label,subject", ' path , label ,"subject "'),
        "sep=;\r\npath;label;subject\na.png;M;007\nb, c.png;true;NA\n",
        # A note whose heading holds the other separators.
        "path;label;subject;a, b, c\na.png;M;007;\nb, c.png;true;NA;x\n",
        # A spreadsheet's empty columns, and the row numbers that pandas writes first.
        "path,label,subject,,\na.png,M,007,,\n" + '"b, c.png",true,NA,,\n',
        ",path,label,subject\n0,a.png,M,007\n" + '1,"b, c.png",true,NA\n',
    ],
)
def test_tables_are_read_as_any_spreadsheet_saves_them(text):
    table = read(text)
    assert table[list(COLUMNS)].values.tolist() == ROWS
    assert "" not in table


def test_values_stay_as_they_stand_and_lines_are_the_files():
    table = read('subject,path,label\n\n" 1 ",a.png,"two\nlines"\n1.50,"a""b",NaN\n')
    assert table.index.tolist() == [3, 5]
    assert table["subject"].tolist() == [" 1 ", "1.50"]
    assert table["label"].tolist() == ["two\nlines", "NaN"]
    assert table["path"].tolist() == ["a.png", 'a"b']


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is empty", "path, label, subject"]),
        ("\n\n", ["is empty"]),
        ("path,label\na,b\n", ["subject is missing", "'path', 'label'"]),
        ("path,label,label,subject\na,b,c,d\n", ["column 'label' stands twice"]),
        ("path,label,subject\na,b,c\na,b,Jan 12, 24\n", ["line 3", "4 fields", "3;"]),
        ("path,label,subject\na,b\n", ["line 2", "2 fields", "comma in quotes"]),
        (PLAIN + "x,y\n" * 3, ["line 4 (and 2 more rows)"]),
        ("path;label;subject\na;b;c;d\n", ["line 2", "semicolon in quotes"]),
        ("path,label,subject,\na,b,c,d\n", ["line 2", "column 4", "no name"]),
        ('path,label,subject\n"a,b,c\nd,e,f\n', ["line 2", "quotation mark"]),
        ('path,label,subject\nu,v,w\n"a"b,c,d\n', ["line 3", "quotation mark"]),
        ("path,label,subject\na,é,c\n".encode("cp1252"), ["line 2", "CSV UTF-8"]),
        (PLAIN.encode("utf-16-le"), ["CSV UTF-8"]),
        (b"PK\3\4\0\0path,label,subject", ["CSV UTF-8"]),
        (f"path,label,subject\na,b,{'c' * (LONGEST + 1)}\n", ["line 2", "subject"]),
        (f"path,label,subject\na,b,{'c' * 140_000}\n", ["line 2", "subject"]),
    ],
)
def test_what_is_no_sound_table_is_one_line_that_says_where(text, words):
    with pytest.raises(StudyError) as caught:
        read(text)
    line = str(caught.value)
    assert line.startswith("labels.csv") and "\n" not in line
    for word in words:
        assert word in line


def test_a_long_field_of_another_column_is_read():
    note = "x" * 140_000
    assert read(f"path,label,subject,note\na,b,c,{note}\n")["note"].tolist() == [note]
