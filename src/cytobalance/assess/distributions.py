"""Distances between the distributions of real and of synthetic cells.

Each function imports its part of torch-fidelity, which is slow to import: it brings
torchvision.
"""

import numpy as np
import torch

DISTANCES = ("fid", "kid_mean", "kid_sd", "precision", "recall", "density", "coverage")
# Fewer cells than this give no distribution to compare.
LEAST_CELLS = 20
# Parts of an inception score, and cells of one for each class, at least (ours).
PARTS, CELLS_OF_PART = 10, 10
# Neighbours of density and coverage (Naeem 2020); precision and recall have 3.
NEIGHBOURS = 5


def frechet_distance(real: np.ndarray, synthetic: np.ndarray) -> float:
    """FID (Heusel 2017) of features float64 [N, F] and [M, F]. 0: same Gaussian.

    Meaningful only with more cells than features on both sides.
    """
    from torch_fidelity import metric_fid as fid

    statistics = [fid.fid_features_to_statistics(_tensor(x)) for x in (real, synthetic)]
    return fid.fid_statistics_to_metric(*statistics, verbose=False)[fid.KEY_METRIC_FID]


def kernel_distance(real: np.ndarray, synthetic: np.ndarray) -> tuple[float, float]:
    """KID (Binkowski 2018): mean and deviation over 100 random subsets.

    A subset is half of the smaller set, at most 1,000. Unbiased, so that it may fall
    just below 0, and works with few cells.
    """
    from torch_fidelity import metric_kid as kid

    metric = kid.kid_features_to_metric(
        _tensor(synthetic),
        _tensor(real),
        kid_subset_size=min(1000, min(len(real), len(synthetic)) // 2),
        verbose=False,
    )
    return metric[kid.KEY_METRIC_KID_MEAN], metric[kid.KEY_METRIC_KID_STD]


def inception_score(logits: np.ndarray) -> tuple[float, float | None]:
    """IS (Salimans 2016), mean and deviation over parts, from logits [N, classes].

    From 1 up to the number of classes that the scoring network knows, or to N where
    that is less. A part of n cells can't score above n, so Salimans' ten parts of
    5,000 become fewer where one would hold less than CELLS_OF_PART cells a class of
    the network; of one part alone there is no deviation.
    """
    from torch_fidelity import metric_isc as isc

    parts = min(PARTS, len(logits) // (CELLS_OF_PART * logits.shape[1])) or 1
    metric = isc.isc_features_to_metric(_tensor(logits), splits=parts)
    deviation = metric[isc.KEY_METRIC_ISC_STD] if parts > 1 else None
    return metric[isc.KEY_METRIC_ISC_MEAN], deviation


def precision_recall(real: np.ndarray, synthetic: np.ndarray) -> tuple[float, float]:
    """Precision and recall of distributions (Kynkaanniemi 2019), 3 neighbours.

    Precision: share of synthetic cells inside the real manifold. Recall: share of
    real cells inside the synthetic one; a collapsed GAN has little of it.
    """
    from torch_fidelity import metric_prc as prc

    metric = prc.prc_features_to_metric(
        _tensor(synthetic), _tensor(real), verbose=False
    )
    return metric[prc.KEY_METRIC_PRECISION], metric[prc.KEY_METRIC_RECALL]


def density_coverage(real: np.ndarray, synthetic: np.ndarray) -> tuple[float, float]:
    """Density and coverage (Naeem 2020, equations 3 and 4), 5 neighbours.

    Density: in how many real neighbourhoods a synthetic cell lies, 1 where it is as
    dense as the real ones. Coverage: share of real neighbourhoods with a synthetic
    cell in them.
    """
    real, synthetic = _tensor(real), _tensor(synthetic)
    exact = "donot_use_mm_for_euclid_dist"
    among = torch.cdist(real, real, compute_mode=exact)
    radius = among.kthvalue(NEIGHBOURS + 1, dim=1).values  # the first is itself
    inside = torch.cdist(real, synthetic, compute_mode=exact) <= radius[:, None]
    density = inside.double().sum(0).mean() / NEIGHBOURS
    return density.item(), inside.any(1).double().mean().item()


def compare_distributions(
    real: np.ndarray, synthetic: np.ndarray
) -> dict[str, float | None]:
    """All distances of two feature sets float64 [N, F], [M, F]; what can't be: None.

    FID is left out where either side has no more cells than features, everything
    below LEAST_CELLS.
    """
    measures: dict[str, float | None] = dict.fromkeys(DISTANCES)
    few = min(len(real), len(synthetic))
    if few < LEAST_CELLS:
        return measures
    if few > real.shape[1]:
        measures["fid"] = frechet_distance(real, synthetic)
    measures["kid_mean"], measures["kid_sd"] = kernel_distance(real, synthetic)
    measures["precision"], measures["recall"] = precision_recall(real, synthetic)
    measures["density"], measures["coverage"] = density_coverage(real, synthetic)
    return measures


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
