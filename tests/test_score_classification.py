"""Scores of confusion matrices: what each means, and agreement with known libraries."""

import imblearn.metrics
import numpy as np
import pytest
import sklearn.metrics

from cytobalance.evaluate.classification import (
    average_precision,
    count_confusion,
    roc_area,
    score_classes,
    score_overall,
    top_confusions,
)


def dice(n: int = 500, classes: int = 4, seed: int = 3):
    stream = np.random.default_rng(seed)
    label = stream.choice(classes, n, p=[0.6, 0.25, 0.1, 0.05])
    said = np.where(stream.random(n) < 0.7, label, stream.integers(classes, size=n))
    return label, said


def test_never_naming_the_rare_class_looks_accurate_and_is_not_balanced():
    label = np.repeat([0, 1], [99, 1])
    scores = score_overall(count_confusion(label, np.zeros(100, int), 2))
    assert scores["accuracy"] == pytest.approx(0.99)
    assert scores["balanced_accuracy"] == pytest.approx(0.5)


def test_scores_agree_with_scikit_learn_and_imbalanced_learn():
    label, said = dice()
    confusion = count_confusion(label, said, 4)
    assert np.array_equal(confusion, sklearn.metrics.confusion_matrix(label, said))
    ours = score_classes(confusion)
    theirs = sklearn.metrics.precision_recall_fscore_support(label, said)
    for name, values in zip(("precision", "recall", "f1"), theirs, strict=False):
        assert np.allclose(ours[name], values), name
    for name, score in (
        ("specificity", imblearn.metrics.specificity_score),
        ("recall", imblearn.metrics.sensitivity_score),
    ):
        assert np.allclose(ours[name], score(label, said, average=None)), name
    overall = score_overall(confusion)
    balanced = sklearn.metrics.balanced_accuracy_score(label, said)
    assert overall["balanced_accuracy"] == pytest.approx(balanced)
    macro = imblearn.metrics.specificity_score(label, said, average="macro")
    assert overall["macro_specificity"] == pytest.approx(macro)
    for i in range(4):
        one = sklearn.metrics.accuracy_score(label == i, said == i)
        assert ours["accuracy"][i] == pytest.approx(one)


def test_ranking_agrees_with_scikit_learn_where_scores_tie():
    stream = np.random.default_rng(5)
    for digits in (1, 6):
        positive = stream.random(200) < 0.2
        score = (stream.random(200) + 0.3 * positive).round(digits)
        area = sklearn.metrics.roc_auc_score(positive, score)
        assert roc_area(positive, score) == pytest.approx(area, abs=1e-12)
        mean = sklearn.metrics.average_precision_score(positive, score)
        assert average_precision(positive, score) == pytest.approx(mean, abs=1e-12)


def test_specificity_counts_false_alarms_of_the_other_classes():
    # Class 1 is named for 2 of the 8 cells that are not of it.
    confusion = np.array([[5.0, 1, 0], [0, 4, 0], [0, 1, 1]])
    assert score_classes(confusion)["specificity"][1] == pytest.approx(6 / 8)


def test_class_without_test_cells_has_no_score_and_spoils_no_mean():
    confusion = np.array([[8.0, 2, 0], [0, 5, 0], [0, 0, 0]])
    assert np.isnan(score_classes(confusion)["recall"][2])
    assert score_overall(confusion)["balanced_accuracy"] == pytest.approx(0.9)


def test_class_that_is_never_named_has_precision_zero():
    confusion = np.array([[8.0, 0], [2, 0]])
    scores = score_classes(confusion)
    assert scores["precision"][1] == 0 and scores["f1"][1] == 0


def test_stacks_of_matrices_are_scored_one_by_one():
    label, said = dice()
    trials = np.stack([said, label])
    stack = score_overall(count_confusion(label, trials, 4))["macro_f1"]
    single = score_overall(count_confusion(label, said, 4))["macro_f1"]
    assert stack == pytest.approx([single, 1.0])


def test_top_confusions_are_errors_only_largest_first():
    confusion = np.array([[90.0, 3, 0], [7, 20, 0], [0, 0, 9]])
    assert top_confusions(confusion) == [(1, 0), (0, 1)]
