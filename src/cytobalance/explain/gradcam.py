"""Where a convolutional network looked: Grad-CAM (Selvaraju 2017), by captum."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cytobalance.classify.cells import to_float
from cytobalance.classify.classifier import Classifier
from cytobalance.classify.network import NetworkClassifier
from cytobalance.explain.record import Looks

# The least side of a map that still tells one part of a cell from another.
LEAST = 4
BATCH = 32


def find_looks(
    trials: list[Classifier], images: np.ndarray, named: np.ndarray
) -> Looks:
    """Grad-CAM of the class that was named, mean over trials.

    images: uint8 [N, S, S, 3]; named: int [N], class index. Each trial's map is
    scaled to its own maximum first.
    """
    nothing = np.zeros((len(images), 0, 0), np.uint8)
    if not isinstance(trials[0], NetworkClassifier):
        return Looks(nothing, "a classifier of scikit-learn has no feature maps")
    layer = find_layer(trials[0], images[:1])
    if layer is None:
        return Looks(nothing, "this network is not convolutional")
    maps = torch.stack([_look(trial, layer, images, named) for trial in trials])
    most = maps.amax((2, 3), keepdim=True)
    scaled = torch.where(most > 0, maps / most, 0.0).mean(0)
    return Looks((255 * scaled).round().to(torch.uint8).numpy())


def find_layer(trial: NetworkClassifier, images: np.ndarray) -> str | None:
    """Name of the last layer whose maps are at least LEAST a side; None without maps.

    A deeper layer knows more of the class, but small cells leave it a single point.
    """
    names: list[str] = []

    def note(name: str):
        def hook(_module: nn.Module, _inputs: tuple, output: Any) -> None:
            if _is_map(output) and output.shape[-1] >= LEAST:
                names.append(name)

        return hook

    hooks = [
        module.register_forward_hook(note(name))
        for name, module in list_chain(trial.network)
    ]
    with torch.no_grad():
        last = trial.maps(_see(trial, images))
    for hook in hooks:
        hook.remove()
    return names[-1] if names and _is_map(last) else None


def list_chain(network: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Names and modules of the steps that a network takes one after the other.

    Those of chains within it too, but nothing inside a block: a branch there lacks
    what its neighbours or its shortcut carry.
    """
    for child, module in network.named_children():
        yield name + child, module
        if isinstance(module, nn.Sequential):
            yield from list_chain(module, f"{name}{child}.")


def _is_map(output: Any) -> bool:
    """Whether it is [N, C, h, h]: transformers have [N, T, C] or [N, h, h, C]."""
    four = isinstance(output, Tensor) and output.ndim == 4
    return four and output.shape[2] == output.shape[3]


def _see(trial: NetworkClassifier, images: np.ndarray) -> Tensor:
    batch = torch.from_numpy(np.ascontiguousarray(images)).to(trial.device)
    return trial.see(to_float(batch))


def _look(
    trial: NetworkClassifier, layer: str, images: np.ndarray, named: np.ndarray
) -> Tensor:
    """Maps of one trial, float32 [N, g, g], at least 0; on the CPU."""
    # Here, since it takes a second to import: it brings scikit-learn and more.
    from captum.attr import LayerGradCam

    trial.network.eval()
    attribution = LayerGradCam(trial.network, trial.network.get_submodule(layer))
    parts = [
        attribution.attribute(
            _see(trial, images[start : start + BATCH]),
            target=torch.from_numpy(named[start : start + BATCH]).to(trial.device),
            relu_attributions=True,
        )
        for start in range(0, len(images), BATCH)
    ]
    return torch.cat(parts).detach()[:, 0].float().cpu()
