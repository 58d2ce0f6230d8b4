"""Tables between stages: text stays text, and every damage is one line."""

import pandas as pd
import pytest

from cytobalance.study.runtime import StudyError
from cytobalance.study.tables import read_table, write_table

ODD = ["0001", "true", "NA", "1e5", "nan", "007", "", "a\rb", 'a"b', "a,b", "a\nb"]
PLACE = "data/synthetic/heldout/smote/cells.csv"


def test_text_that_looks_like_something_else_stays_text(tmp_path):
    table = pd.DataFrame({"cell_id": ODD, "label": ODD, "parent": ODD})
    write_table(tmp_path / PLACE, table)
    found = read_table(tmp_path / PLACE)
    assert all(found[name].tolist() == ODD for name in table)


@pytest.mark.parametrize(
    "content, what",
    [
        (b"", "is empty"),
        (b"cell_id,label,parent\na,b", "cut short"),
        (b"cell_id,label\na,b\n", "other columns"),
        (b"cell_id,label,parent\na,b\n", "2 values in row 2"),
        (b"\xff\xfe\x00\n", "is damaged"),
        (None, "is missing"),
    ],
)
def test_a_damaged_table_is_one_line(content, what, tmp_path):
    path = tmp_path / PLACE
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StudyError, match=what) as caught:
        read_table(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
