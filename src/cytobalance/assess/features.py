"""What a scoring network sees in images: features for distances, logits for labels."""

from dataclasses import dataclass

import numpy as np
import torch

from cytobalance.classify.classifier import Classifier
from cytobalance.study.runtime import UNREADABLE

# The files of the published weights, as torch-fidelity and torchvision name them.
INCEPTION_FILES = ("weights-inception-2015-12-05-6726825d.pth",)
IMAGENET_NETWORK, IMAGENET_SIDE = "tf_efficientnet_lite0", 96
LPIPS_FILES = ("vgg16-397923af.pth", "weights-vgg16-lpips.pth")


class WeightsMissingError(Exception):
    """Published weights that can't be had; the message is the reason, for a note."""


@dataclass(frozen=True)
class View:
    """N images as a network sees them: features float64 [N, F], logits [N, K]."""

    features: np.ndarray
    logits: np.ndarray

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows) -> "View":
        return View(self.features[rows], self.logits[rows])


def join_views(views: list[View]) -> View:
    """Several views of one network as one, in their order."""
    return View(
        np.concatenate([view.features for view in views]),
        np.concatenate([view.logits for view in views]),
    )


def view_by_classifier(classifier: Classifier, images: np.ndarray) -> View:
    """Images uint8 [N, S, S, 3] as one of our classifiers with features sees them."""
    batch = torch.from_numpy(images)
    features, logits = classifier.features(batch), classifier.logits(batch)
    return View(features.double().numpy(), logits.numpy())


def load_imagenet() -> torch.nn.Module:
    """EfficientNet-Lite0 with its ImageNet weights, which are installed with us."""
    from cytobalance.classify.pretrained import imagenet_network

    return imagenet_network(IMAGENET_NETWORK).eval()


@torch.inference_mode()
def view_by_imagenet(network: torch.nn.Module, images: np.ndarray) -> View:
    """Images uint8 [N, S, S, 3] as `load_imagenet`'s network sees them.

    Brought to IMAGENET_SIDE pixels a side, whatever S: at 32 its last block would see
    one point, and studies of different sizes could not be compared.
    """
    device = next(network.parameters()).device
    features, logits = [], []
    for batch in torch.from_numpy(images).split(64):
        seen = batch.to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
        seen = torch.nn.functional.interpolate(
            seen, (IMAGENET_SIDE, IMAGENET_SIDE), mode="bilinear", antialias=True
        )
        deep = network.forward_head(network.forward_features(seen), pre_logits=True)
        features.append(deep.cpu())
        logits.append(network.get_classifier()(deep).cpu())
    return View(torch.cat(features).double().numpy(), torch.cat(logits).numpy())


def use_weights(folder: str | None) -> None:
    """Read published weights from `folder`/checkpoints; None: PyTorch's folder."""
    if folder is not None:
        torch.hub.set_dir(folder)


def load_inception() -> torch.nn.Module:
    """torch-fidelity's InceptionV3, with its published weights.

    Raises WeightsMissingError where they are neither on disk nor to be downloaded.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        return FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"])
    except UNREADABLE as error:  # what a failed download raises is an OSError
        raise WeightsMissingError(_reason(INCEPTION_FILES, error)) from None


@torch.inference_mode()
def view_by_inception(network: torch.nn.Module, images: np.ndarray) -> View:
    """Images uint8 [N, S, S, 3] as `load_inception`'s network sees them."""
    device = next(network.parameters()).device
    features, logits = [], []
    for batch in torch.from_numpy(images).split(64):
        deep, outputs = network(batch.to(device).permute(0, 3, 1, 2).contiguous())
        features.append(deep.cpu())
        logits.append(outputs.cpu())
    return View(torch.cat(features).double().numpy(), torch.cat(logits).numpy())


def load_lpips() -> torch.nn.Module:
    """torch-fidelity's LPIPS (Zhang 2018) on VGG16, with its published weights.

    Raises WeightsMissingError as `load_inception` does.
    """
    from torch_fidelity.sample_similarity_lpips import SampleSimilarityLPIPS

    try:
        return SampleSimilarityLPIPS("lpips", sample_similarity_dtype="uint8")
    except UNREADABLE as error:
        raise WeightsMissingError(_reason(LPIPS_FILES, error)) from None


@torch.inference_mode()
def perceptual_distances(
    network: torch.nn.Module, one: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """LPIPS of each pair of uint8 [N, S, S, 3]: float [N], 0 where they look alike."""
    device = next(network.parameters()).device
    distances = []
    for start in range(0, len(one), 64):
        pair = (
            torch.from_numpy(x[start : start + 64]).to(device).permute(0, 3, 1, 2)
            for x in (one, other)
        )
        distances.append(network(*pair).flatten().cpu())
    return torch.cat(distances).double().numpy()


def _reason(files: tuple[str, ...], error: Exception) -> str:
    return (
        f"the published weights {' and '.join(files)} can neither be downloaded nor "
        f"read here ({type(error).__name__}); put them into the folder `checkpoints` "
        "below assess.weights and run `dvc repro -s -f assess`"
    )
