"""Agreement of experts: counts of shared files, and Cohen's kappa by hand."""

import pandas as pd
import pytest

from cytobalance.curation.agreement import measure_agreement

COLUMNS = ["source", "file", "annotator", "to"]


def maps_of(*rows: str) -> pd.DataFrame:
    """Opinions as `file annotator type`, all of one source."""
    return pd.DataFrame([["lab", *row.split()] for row in rows], columns=COLUMNS)


def test_files_of_several_annotators_are_counted_and_kappa_is_that_by_hand():
    found = measure_agreement(
        maps_of(
            *("1 a monocyte", "1 b monocyte", "2 a monocyte", "2 b monocyte"),
            *("3 a basophil", "3 b monocyte", "4 a basophil", "4 b basophil"),
            "5 a basophil",
        )
    )
    assert (found.opinions, found.files, found.annotators) == (9, 5, 2)
    assert (found.shared, found.agreed) == (4, 3)
    # Observed 3/4; by chance 2/4 * 3/4 + 2/4 * 1/4 = 1/2.
    assert found.kappas == (pytest.approx((0.75 - 0.5) / (1 - 0.5)),)


def test_without_shared_files_there_is_no_kappa():
    found = measure_agreement(maps_of("1 a monocyte", "2 b basophil"))
    assert (found.shared, found.agreed, found.kappas) == (0, 0, ())
    empty = measure_agreement(maps_of())
    assert (empty.opinions, empty.files, empty.annotators) == (0, 0, 0)


def test_kappa_of_one_type_throughout_is_undefined_and_left_out():
    found = measure_agreement(maps_of("1 a monocyte", "1 b monocyte"))
    assert (found.shared, found.agreed, found.kappas) == (1, 1, ())
