"""A trained classifier as one ONNX file that takes images as they are stored."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from cytobalance.classify.cells import to_float
from cytobalance.classify.classifier import Classifier
from cytobalance.classify.network import NetworkClassifier
from cytobalance.prediction.temperature import SMALLEST
from cytobalance.study.runtime import StudyError

# The first in which `Resize` averages where it shrinks, as PyTorch does.
OPSET = 18
INPUT, OUTPUT = "images", "probabilities"
# Largest difference of a probability from PyTorch's.
TOLERANCE = 1e-4
# What an ONNX file can hold (protobuf).
MOST_BYTES = 2**31 - 1


class Together(nn.Module):
    """Trials as one network: uint8 [N, S, S, 3] -> mean probabilities float32 [N, C].

    Scaled by the temperature, as `predict` does. In float32, whatever the precision of
    the training.
    """

    def __init__(self, trials: list[NetworkClassifier], temperature: float = 1.0):
        super().__init__()
        self.trials, self.temperature = trials, temperature
        self.networks = nn.ModuleList([trial.network for trial in trials])
        self.offsets = nn.ParameterList(
            [nn.Parameter(trial.offset, requires_grad=False) for trial in trials]
        )

    def forward(self, images: Tensor) -> Tensor:
        chances = [
            (network(trial.see(to_float(images))).float() - offset).softmax(1)
            for trial, network, offset in zip(
                self.trials, self.networks, self.offsets, strict=True
            )
        ]
        mean = torch.stack(chances).mean(0)
        return (mean.clamp_min(SMALLEST).log() / self.temperature).softmax(1)


def choose_trials(
    trials: list[Classifier], trial: int | None, temperature: float = 1.0
) -> Together:
    """All trials, or one of them, as a network. temperature: of the result.

    Raises StudyError where there is no such trial, or the classifier is no network.
    """
    if not all(isinstance(item, NetworkClassifier) for item in trials):
        raise StudyError(
            f"a classifier of kind {trials[0].settings.kind} is no network, and export "
            "writes the kinds sequential_cnn and timm alone; tools/predict.py uses it"
        )
    if trial is not None and not 0 <= trial < len(trials):
        raise StudyError(
            f"--trial {trial}: the classifier has trials 0 to {len(trials) - 1}; "
            "without --trial the mean of all is exported"
        )
    chosen = trials if trial is None else [trials[trial]]
    return Together(chosen, temperature).eval()


def describe_model(
    key: str,
    trials: list[Classifier],
    about: dict[str, Any],
    trial: int | None,
    temperature: float = 1.0,
) -> dict[str, Any]:
    """The facts that go into an ONNX file: what it takes, gives and was trained on.

    key: of the classifier; about: as of `load_ensemble`; trial: the one exported, None
    for all; temperature: by which its probabilities are scaled.
    """
    return {
        "key": key,
        "kind": trials[0].settings.kind,
        "classes": about["classes"],
        "size": about["size"],
        "inputs": about["inputs"],
        "trials": f"mean of {len(trials)}" if trial is None else f"trial {trial} alone",
        "temperature": temperature,
        "predictions": about["predictions"],
        "use": "not for diagnosis",
    }


def build_onnx(together: Together, size: int, facts: dict[str, Any]) -> bytes:
    """The ONNX file, the same bytes each time: uint8 [N, size, size, 3] in, any N.

    facts: into the file's metadata; values other than text as JSON. Raises StudyError
    where the network can't be written.
    """
    held = sum(value.nbytes for value in together.state_dict().values())
    if held > MOST_BYTES:
        raise StudyError(
            f"the weights take {held:,} bytes, more than one ONNX file can hold; "
            "export one trial by --trial"
        )
    model = _trace(together, size)
    _forget_origin(model.graph)
    model.graph.name = "cytobalance"
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in facts.items()}
    onnx.helper.set_model_props(model, texts)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _trace(together: Together, size: int) -> onnx.ModelProto:
    images = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    # The exporter reads PyTorch's older flag of TF32, which is an error where the newer
    # ones differ from it, as after `make_deterministic`.
    convolutions = torch.backends.cudnn.conv
    precision = convolutions.fp32_precision
    torch.backends.cudnn.allow_tf32 = False
    try:
        program = torch.onnx.export(
            together,
            (images,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("cells")},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = " ".join(str(error).split())[:200]
        raise StudyError(f"torch.onnx can't write this network: {reason}") from None
    finally:
        convolutions.fp32_precision = precision
    return program.model_proto


def _forget_origin(graph: onnx.GraphProto) -> None:
    """Remove where in whose code each part arose, which holds paths of this machine."""
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def measure_parity(model: bytes, together: Together, images: np.ndarray) -> float:
    """Largest difference of a probability between ONNX Runtime and PyTorch.

    images: uint8 [N, S, S, 3]. Raises StudyError where it exceeds TOLERANCE.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (found,) = session.run([OUTPUT], {INPUT: images})
    with torch.inference_mode():
        wanted = together(torch.from_numpy(images)).numpy()
    difference = float(np.abs(found - wanted).max())
    if not difference <= TOLERANCE:
        raise StudyError(
            f"ONNX Runtime's probabilities differ from PyTorch's by {difference:.2g}, "
            f"more than {TOLERANCE:g}; nothing is written"
        )
    return difference


def sample_images(cells: Path, size: int, count: int = 256) -> tuple[np.ndarray, str]:
    """Images uint8 [n, size, size, 3] to compare on, and what they are.

    Evenly spread over the study's cell set; noise where the folder `cells` has none.
    """
    try:
        stored = np.load(cells / "images.npy", mmap_mode="r")
    except (OSError, ValueError, EOFError):
        stored = np.empty((0,), np.uint8)
    if len(stored) and stored.shape[1:] == (size, size, 3):
        rows = np.unique(np.linspace(0, len(stored) - 1, count).astype(int))
        return np.ascontiguousarray(stored[rows]), f"{len(rows)} cells of the study"
    noise = np.random.default_rng(0).integers(0, 256, (64, size, size, 3), np.uint8)
    return noise, "64 images of noise, the study's cells not being there"
