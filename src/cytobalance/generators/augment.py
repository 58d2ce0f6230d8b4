"""Differentiable augmentation (Zhao 2020): D sees real and fake cells changed alike.

It keeps D from learning the few cells of a rare class by heart, and G still learns
unchanged cells, since gradients pass through every change.
"""

import torch
from torch import Tensor

# Largest shift and side of the hole, as parts of the side (Zhao 2020: 1/8 and 1/2).
SHIFT, HOLE = 0.125, 0.5
# Numbers that decide over one cell's changes: three of colour, two each of place.
CHANCES = 7


def change_cells(images: Tensor, changes: tuple[str, ...], chance: Tensor) -> Tensor:
    """Changed images [N, 3, S, S] in [-1, 1], of the same shape.

    changes: of `colour` (brightness, saturation, contrast), `translation`, `cutout`;
    chance: [N, CHANCES] in [0, 1), one row an image.
    """
    columns = chance.to(images.dtype)[..., None, None, None].unbind(1)
    if "colour" in changes:
        images = _change_colour(images, *columns[:3])
    if "translation" in changes:
        images = _shift(images, *columns[3:5])
    if "cutout" in changes:
        images = _cut_out(images, *columns[5:7])
    return images


def _change_colour(
    images: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor
) -> Tensor:
    images = images + (brightness - 0.5)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (2 * saturation)
    middle = images.mean((1, 2, 3), keepdim=True)
    return middle + (images - middle) * (0.5 + contrast)


def _shift(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift by whole pixels; what enters is grey. A product of matrices, since the
    gradient of an indexed copy adds up in any order on a GPU."""
    side = images.shape[-1]
    most = round(SHIFT * side)
    places = torch.arange(side, device=images.device)

    def moved(by: Tensor) -> Tensor:
        step = (by.view(-1, 1, 1) * (2 * most + 1)).floor().sub(most)
        return (places[:, None] == places + step).to(images.dtype)[:, None]

    return moved(down) @ images @ moved(right).mT


def _cut_out(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Grey out a square around a random point."""
    side = images.shape[-1]
    places = torch.arange(side, device=images.device, dtype=images.dtype)
    far = [
        (places - at.view(-1, 1) * side).abs() >= HOLE * side / 2
        for at in (down, right)
    ]
    return images * (far[0][:, :, None] | far[1][:, None, :])[:, None]
