"""Views mixed with a second cell each: mixup and CutMix, balanced or not."""

import torch
from torch import Tensor

from cytobalance.balance.settings import Mix
from cytobalance.classify.cells import Cells, draw_order, even_weights, named_generator
from cytobalance.study.runtime import random_stream


class Mixer:
    """Draws the partner of each view, and mixes the two.

    train: the cells, partners among them; count: views of the training. Partners and
    their parts come from streams of their own under `seed`.
    """

    def __init__(self, mix: Mix, train: Cells, count: int, seed: int):
        self.mix = mix
        weights = even_weights(train) if mix.partner == "even" else train.weights
        self.partners = draw_order(weights, count, named_generator(seed, "partners"))
        other = 1.0 if mix.partner == "even" else mix.alpha
        stream = random_stream(seed, "mix")
        self.parts = torch.from_numpy(stream.beta(mix.alpha, other, count)).float()
        self.places = named_generator(seed, "pasted")

    def apply(self, first: Tensor, second: Tensor, parts: Tensor) -> tuple:
        """Views float [N, 3, S, S] of `parts` [N] of the second; the parts they have.

        A square of CutMix is cut at the image's edges, so that its part can be less
        than was drawn, and its loss counts as much as is seen (Yun 2019).
        """
        parts = parts.to(first.device)
        if self.mix.how == "mixup":
            return first.lerp(second, parts[:, None, None, None]), parts
        size = first.shape[-1]
        centre = torch.rand(2, len(first), 1, generator=self.places).to(first.device)
        pixels = (torch.arange(size, device=first.device) + 0.5) / size
        rows, columns = (pixels - centre).abs() < parts.sqrt()[:, None] / 2
        pasted = (rows[:, :, None] & columns[:, None, :])[:, None]
        return torch.where(pasted, second, first), pasted.float().mean((1, 2, 3))
