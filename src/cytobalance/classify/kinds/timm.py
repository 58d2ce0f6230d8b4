"""Any network of timm (Wightman 2019), by its name there."""

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from cytobalance.classify.network import NetworkClassifier
from cytobalance.classify.settings import Timm
from cytobalance.study.runtime import StudyError


class Kind(NetworkClassifier):
    """A network of timm; it sees images by the mean and deviation that timm states."""

    settings: Timm

    def build(self) -> nn.Module:
        try:
            network = timm.create_model(self.settings.network, num_classes=self.classes)
        except RuntimeError as error:
            raise StudyError(
                f"timm has no network `{self.settings.network}` ({error}); legal are "
                "the names that timm.list_models() prints"
            ) from None
        facts = network.pretrained_cfg
        self.mean, self.deviation = (
            255 * torch.tensor(facts[key]).view(1, 3, 1, 1) for key in ("mean", "std")
        )
        return network

    def see(self, images: Tensor) -> Tensor:
        side = self.settings.side
        if side and side != images.shape[-1]:
            images = functional.interpolate(
                images, (side, side), mode="bilinear", antialias=True
            )
        mean, deviation = self.mean.to(images), self.deviation.to(images)
        return (images - mean) / deviation

    def find_features(self, seen: Tensor) -> Tensor:
        network = self.network
        return network.forward_head(network.forward_features(seen), pre_logits=True)
