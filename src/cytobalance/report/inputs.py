"""What the report's page shows beside the findings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Material:
    """Pictures and other stages' metrics.

    images: cell_id -> uint8 [S, S, 3]; charts: name -> PNG; gans: key -> metrics of
    metrics/gan; sheets: key -> PNG of plots/gan; dataset: metrics/dataset.json.
    """

    images: Mapping[str, np.ndarray]
    charts: dict[str, bytes]
    gans: dict[str, dict[str, Any]]
    sheets: dict[str, bytes]
    dataset: dict[str, Any]
