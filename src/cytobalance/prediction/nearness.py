"""How far an image lies from the cells of a training, in features or in colours.

Mahalanobis' distance to the nearest class (Lee 2018). All classes share one covariance,
that of a probabilistic PCA (Tipping & Bishop 1999): the first components as they vary,
all others alike. That shrinks it, and keeps it small: 200 kB for 1,000 features.
"""

from dataclasses import dataclass, fields

import numpy as np

# Components at most.
COMPONENTS = 32
# Variance of the others where the cells show none.
LEAST = 1e-6


@dataclass(frozen=True)
class Nearness:
    """Where training cells lie, in F features or colours: float32 arrays.

    scale: [F], deviation of each feature; means: [K, F], of the classes that have
    cells; components: [P, F], orthonormal; variance: [P]; rest: [1], variance along all
    other directions. All but the first in units of it.
    """

    scale: np.ndarray
    means: np.ndarray
    components: np.ndarray
    variance: np.ndarray
    rest: np.ndarray

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Squared distance to the nearest class, float64 [N]. features: [N, F]."""
        seen = features.astype(float) / self.scale
        best = np.full(len(seen), np.inf)
        for mean in self.means:
            away = seen - mean
            along = away @ self.components.T
            left = (away**2).sum(1) - (along**2).sum(1)
            far = (along**2 / self.variance).sum(1) + left / self.rest
            best = np.minimum(best, far)
        return best


def find_colours(images: np.ndarray) -> np.ndarray:
    """Mean, log deviation and mean of the edge of each channel: float64 [N, 9].

    images: uint8 [N, S, S, 3]. What stain, lamp and scanner change, and a network may
    have learned to overlook; an empty field deviates least.
    """
    seen = images.astype(np.float32)
    edges = (seen[:, 0], seen[:, -1], seen[:, :, 0], seen[:, :, -1])
    parts = (
        seen.mean((1, 2)),
        np.log1p(seen.std((1, 2))),
        np.concatenate(edges, 1).mean(1),
    )
    return np.concatenate(parts, 1).astype(float)


ARRAYS = tuple(field.name for field in fields(Nearness))


def learn_nearness(features: np.ndarray, label: np.ndarray) -> Nearness:
    """Where these cells lie. features: float [N, F], N > 1; label: int [N]."""
    from sklearn.decomposition import PCA  # slow to import

    deviation = features.std(0)
    scale = np.where(deviation > 0, deviation, 1.0)
    seen = features / scale
    present = np.unique(label)
    means = np.stack([seen[label == k].mean(0) for k in present])
    within = seen - means[np.searchsorted(present, label)]
    count = max(1, min(COMPONENTS, min(seen.shape) // 2))
    found = PCA(count, random_state=0).fit(within)
    values = {
        "scale": scale,
        "means": means,
        "components": found.components_,
        "variance": np.maximum(found.explained_variance_, LEAST),
        "rest": np.maximum([found.noise_variance_], LEAST),
    }
    return Nearness(**{k: np.asarray(v, np.float32) for k, v in values.items()})
