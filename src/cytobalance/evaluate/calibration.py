"""Whether a confidence of 90 % is right nine times in ten."""

import numpy as np

# A probability of 0 is taken as this, so that one sure miss stays a finite loss.
SMALLEST = 1e-6


def reliability_bins(
    confidence: np.ndarray, right: np.ndarray, bins: int
) -> dict[str, np.ndarray]:
    """Confidence of the predicted class against how often it is right.

    confidence: float [N] in 0..1; right: bool [N]. Returns count, confidence (mean)
    and accuracy of `bins` equally wide bins; the means of an empty bin are NaN.
    """
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    return {
        "count": count,
        "confidence": np.bincount(index, confidence, minlength=bins) / filled,
        "accuracy": np.bincount(index, right, minlength=bins) / filled,
    }


def expected_calibration_error(bins: dict[str, np.ndarray]) -> float:
    """Mean gap between confidence and accuracy, weighted by cells (Guo 2017, eq. 3)."""
    gap = np.abs(bins["confidence"] - bins["accuracy"])
    return float(np.nansum(gap * bins["count"]) / bins["count"].sum())


def brier_score(probability: np.ndarray, label: np.ndarray) -> float:
    """Mean squared distance to the truth, 0 (perfect) to 2 (Brier 1950).

    probability: float [N, C]; label: int [N].
    """
    truth = np.eye(probability.shape[-1])[label]
    return float(((probability - truth) ** 2).sum(-1).mean())


def log_loss(probability: np.ndarray, label: np.ndarray) -> float:
    """Mean negative log-likelihood of the true class in nats.

    probability: float [N, C]; label: int [N].
    """
    true = probability[np.arange(len(label)), label]
    return float(-np.log(np.maximum(true, SMALLEST)).mean())
