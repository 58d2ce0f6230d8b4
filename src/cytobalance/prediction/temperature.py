"""Temperature scaling: one number that makes probabilities as sure as they are right.

Guo 2017: softmax(z / T) of the logits z. Here z = log p of a classifier's final
probabilities (of all trials together, post-hoc adjustment included), which is the same
for one network. It changes no predicted class.
"""

import numpy as np

# Of 1 the probabilities stay as they are. Few cells, all right, would ask for 0.
LEAST, MOST = 0.1, 10.0
# A probability of 0 is taken as this.
SMALLEST = 1e-12


def fit_temperature(probability: np.ndarray, label: np.ndarray) -> float:
    """The temperature with the least log loss on these cells, in LEAST..MOST.

    probability: float [N, C]; label: int [N]. Four digits; 1 without cells.
    """
    from scipy.optimize import minimize_scalar  # slow to import

    if not len(label):
        return 1.0
    log = np.log(np.maximum(probability, SMALLEST))

    def loss(log_temperature: float) -> float:
        scaled = _log_softmax(log / np.exp(log_temperature))
        return -scaled[np.arange(len(label)), label].mean()

    found = minimize_scalar(loss, bounds=np.log([LEAST, MOST]), method="bounded")
    return round(float(np.exp(found.x)), 4)


def scale(probability: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / temperature), float64 of the shape of `probability`."""
    log = np.log(np.maximum(probability.astype(float), SMALLEST))
    return np.exp(_log_softmax(log / temperature))


def _log_softmax(values: np.ndarray) -> np.ndarray:
    values = values - values.max(-1, keepdims=True)
    return values - np.log(np.exp(values).sum(-1, keepdims=True))
