"""The page's sections on ranking, the differential count and sources."""

import re

import pytest

from cytobalance.report.differential_tables import gather_differential
from cytobalance.report.explained import Explained
from cytobalance.report.galleries import gather_galleries
from cytobalance.report.ranking_charts import draw_blasts, draw_ranking
from cytobalance.report.ranking_tables import gather_ranking
from cytobalance.report.rendering import TEMPLATES
from cytobalance.report.source_tables import tabulate_sources

CLASSES = ["neutrophil", "monoblast"]


def way(blasts: bool, subjects: bool) -> dict:
    agreement = {"absolute_error": 0.04, "bias": 0.01, "agree_low": -0.1}
    agreement |= {"agree_high": 0.12, "true": [0.1, 0.3], "predicted": [0.2, 0.3]}
    by_subject = {"absolute_error": [0.02, 0.04]}
    whole = {"true": [0.9, 0.1], "predicted": [0.85, 0.15], "absolute_error": 0.05}
    part = {"true": 0.1, "predicted": [0.15, 0.08, 0.2], "error": [0.05, -0.01, 0.1]}
    return {
        "whole": whole | {"blasts": part if blasts else None},
        "by_subject": by_subject | ({"blasts": agreement} if blasts else {})
        if subjects
        else None,
    }


def record_of(blasts=True, subjects=True, validation=0.5) -> dict:
    ranked = {
        "average_precision": [0.61234, 0.4, 0.8],
        "auroc": [0.9, None, None],
        "sensitivity": [0.7, 0.5, 0.85],
        "specificity": [0.98, 0.96, 0.99],
        "validation_sensitivity": None,
        "validation_specificity": 0.991,
        "threshold": 0.1234,
        "curve": {
            "threshold": [0.9, 0.1],
            "sensitivity": [0.5, 1.0],
            "specificity": [1.0, 0.0],
            "precision": [1.0, 0.1],
        },
    }
    recall = {"neutrophil": [0.9, 0.8, 0.95], "monoblast": [0.5, 0.1, 0.9]}
    made = {"cells": 1200, "balanced_accuracy": 0.7, "recall": recall}
    other = {"cells": 9, "balanced_accuracy": 1.0, "recall": {"monoblast": [1, 0.4, 1]}}
    counts = {"least_cells": 10, "subjects": 2 if subjects else 1, "cells": 40}
    counts |= {"subjects_too_small": 3, "cells_of_subjects": 30}
    return {
        "classes": CLASSES,
        "ranking": {"specificity": 0.99, "together": {"monoblast": ranked}},
        "differential": counts
        | {"blast_classes": ["monoblast"] if blasts else [], "mixed_classes": []}
        | {name: way(blasts, subjects) for name in ("counted", "summed")},
        "by_source": {"made": made, "other": other},
        "validation": {"overall": {"balanced_accuracy": {"mean": validation}}},
        "misses": {"rows": []},
    }


def texts(row) -> list[str]:
    """Text and note of each cell of a row."""
    return [c if isinstance(c, str) else f"{c.text} | {c.note}" for c in row]


def test_ranking_tells_scores_chance_and_the_threshold():
    found = gather_ranking({"plain": record_of()}, ["monoblast"])
    assert found.specificity == "99 %"
    assert texts(found.table.rows[0]) == [
        "monoblast | plain",
        "4",
        "0.612 | [0.400, 0.800], chance 0.100",
        "0.900 | no interval, chance 0.500",
        "70.0 % | [50.0, 85.0]",
        "98.0 % | [96.0, 99.0]",
        "99.1 % | sensitivity –",
        "0.1234",
    ]


def test_differential_tells_shares_errors_and_blasts():
    found = gather_differential({"plain": record_of()})
    rows = [texts(row) for row in found.shares.rows]
    assert rows[1] == ["monoblast", "10.0 %", "15.0 % | +5.0"]
    assert rows[2][2] == "15.0 % | [8.0, 20.0]"
    assert rows[3] == [
        "error of blasts, points | cells counted",
        "",
        "+5.0 | [−1.0, +10.0]",
    ]
    assert rows[4][0].startswith("mean absolute error") and rows[4][2] == "5.00"
    agreement = texts(found.agreement.rows[0])
    assert agreement == [
        "plain | cells counted",
        "3.00",
        "4.00",
        "+1.0",
        "−10.0 to +12.0",
    ]
    assert found.blasts == "monoblast" and "3 smaller ones" in found.subjects
    assert "10 of 40 test cells" in found.subjects


@pytest.mark.parametrize(("blasts", "subjects"), [(True, False), (False, True)])
def test_what_cells_cannot_tell_is_left_out(blasts, subjects):
    records = {"plain": record_of(blasts, subjects)}
    found = gather_differential(records)
    names = [texts(row)[0] for row in found.shares.rows]
    assert any(name.startswith("blasts") for name in names) == blasts
    assert (found.agreement is not None) == subjects
    if subjects:
        assert texts(found.agreement.rows[0])[2:] == ["–", "–", "–"]
    else:
        assert "No two subjects" in found.subjects
    assert draw_blasts(records, ("plain",), True) is None


def test_sources_show_classes_that_they_lack():
    table = tabulate_sources(record_of())
    assert table.header == ("class", "made (1,200 cells)", "other (9 cells)")
    assert texts(table.rows[1]) == ["neutrophil", "90.0 % | [80.0, 95.0]", "–"]
    assert tabulate_sources(record_of() | {"by_source": {}}) is None


def test_records_without_real_test_cells_have_none_of_the_sections():
    bare = {key: v for key, v in record_of().items() if key == "classes"}
    assert gather_ranking({"plain": bare}, ["monoblast"]) is None
    assert gather_differential({"plain": bare}) is None
    assert tabulate_sources(bare) is None
    assert draw_ranking({"plain": bare}, ("plain",), True) is None
    assert draw_blasts({"plain": bare}, ("plain",), True) is None


def test_charts_have_a_line_and_a_panel_a_balancer():
    records = {"plain": record_of(), "weighted": record_of()}
    figure = draw_ranking(records, tuple(records), False)
    above, below = figure.axes
    assert [line.get_label() for line in above.get_lines()] == ["plain", "weighted"]
    circle = below.get_lines()[1].get_xydata()[0]
    assert circle.tolist() == pytest.approx([2, 70])
    panels = draw_blasts(records, tuple(records), False).axes
    assert [panel.get_title(loc="left") for panel in panels] == list(records)
    points = panels[0].get_lines()[1].get_xydata()
    assert points.tolist() == [[10, 20], [30, 30]]


def test_galleries_show_the_balancer_that_validation_cells_chose():
    records = {
        "plain": record_of(validation=0.6),
        "weighted": record_of(validation=0.7),
    }
    one = Explained({}, (), {}, {})
    explained = {(name, "cnn"): one for name in records}
    galleries = gather_galleries(records, explained, "cnn", {}, {})
    assert galleries.balancer == "weighted"


def test_page_names_only_sections_that_have_a_template():
    page = (TEMPLATES / "page.html").read_text(encoding="utf-8")
    names = re.findall(r'\("([\w-]+)", "', page)
    assert {"ranking", "differential", "sources"} < set(names)
    assert all((TEMPLATES / f"{name}.html").is_file() for name in names)
