"""Any network of timm (Wightman 2019), by its name there."""

from torch import Tensor, nn

from cytobalance.classify.network import NetworkClassifier
from cytobalance.classify.pretrained import imagenet_network
from cytobalance.classify.settings import Timm
from cytobalance.classify.sight import create_network, describe_sight, sight_of


class Kind(NetworkClassifier):
    """A network of timm; it sees images by the mean and deviation that timm states."""

    settings: Timm

    def build(self) -> nn.Module:
        return self._look_at(create_network(self.settings.network, self.classes))

    def start(self) -> nn.Module:
        """First weights as the settings have them; says how it sees the cells."""
        settings = self.settings
        if settings.weights == "none":
            network = self.build()
        else:
            network = self._look_at(
                imagenet_network(
                    *(settings.network, settings.weights),
                    *(settings.sha256, self.classes),
                )
            )
        print(describe_sight(settings.network, self.sight, self.size))
        return network

    def head(self) -> nn.Module:
        head = self.network.get_classifier()
        # Distilled networks have two.
        return nn.ModuleList(head) if isinstance(head, list | tuple) else head

    def see(self, images: Tensor) -> Tensor:
        return self.sight.apply(images)

    def maps(self, seen: Tensor) -> Tensor:
        return self.network.forward_features(seen)

    def find_features(self, seen: Tensor) -> Tensor:
        return self.network.forward_head(self.maps(seen), pre_logits=True)

    def _look_at(self, network: nn.Module) -> nn.Module:
        settings = self.settings
        self.sight = sight_of(settings.network, network, self.size, settings.side)
        return network
