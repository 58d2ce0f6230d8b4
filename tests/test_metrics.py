"""Metrics files and tables: rounded for a reader, and no digit of a count is lost."""

import numpy as np
import pandas as pd
import pytest

from cytobalance.study.metrics import read_metrics, write_metrics
from cytobalance.study.tables import read_table, write_table


@pytest.mark.parametrize(
    "count", [123456, 1234567, 98765432101, 1234567.0, np.int64(7654321)]
)
def test_counts_keep_all_of_their_digits(count, tmp_path):
    write_metrics(tmp_path / "m.json", {"cells": count, "list": [count]})
    found = read_metrics(tmp_path / "m.json")
    assert found == {"cells": count, "list": [count]}


def test_a_mean_of_counts_over_trials_gives_their_sum_again(tmp_path):
    trials, total = 3, 12345678
    write_metrics(tmp_path / "m.json", {"confusion": np.array([[total / trials]])})
    [[mean]] = read_metrics(tmp_path / "m.json")["confusion"]
    assert round(mean * trials) == total


def test_scores_are_rounded_to_what_a_reader_takes_in(tmp_path):
    scores = {"a": 0.123456789, "b": 1.2e-7 / 3, "c": 31.23456789, "d": np.nan}
    write_metrics(tmp_path / "m.json", scores)
    found = read_metrics(tmp_path / "m.json")
    assert found == {"a": 0.12346, "b": 4e-8, "c": 31.2346, "d": None}


def test_counts_and_names_in_a_table_keep_all_of_their_digits(tmp_path):
    table = pd.DataFrame(
        {"trial": [12345678], "part": "test", "cell_id": ["0001234567890"]}
        | {"origin": "real", "label": "007", "predicted": "true", "p_007": 0.12345678}
    )
    path = tmp_path / "data/predictions/key.csv"
    write_table(path, table)
    found = read_table(path)
    assert found["cell_id"][0] == "0001234567890"
    assert found["trial"][0] == 12345678
    assert found["p_007"][0] == 0.123457
