"""Random changes of the cells that a classifier sees, drawn anew for each view.

Whole batches on the device, never image by image. A smear has no upside, so any turn is
as good as any other; what enters at the edges is the image's own mirror image.
"""

import torch
from torch import Tensor
from torch.nn import functional

from cytobalance.balance.settings import Augment

# Optical density of red, green and blue of methylene blue and of eosin, the stains of a
# Giemsa smear (G. Landini's colour deconvolution).
METHYLENE_BLUE = (0.834750233, 0.513556283, 0.196330403)
EOSIN = (0.092789, 0.954111, 0.283111)


@torch.no_grad()
def augment_views(images: Tensor, augment: Augment, stream: torch.Generator) -> Tensor:
    """Images float [N, 3, S, S] in 0..255, changed as the recipe has it; same form.

    stream: on the CPU, so that what is drawn does not depend on the device.
    """
    moves = ("turn", "mirror", "shift", "zoom", "shear")
    if any(getattr(augment, name) for name in moves):
        images = move_views(images, augment, stream)
    if augment.stain:
        images = restain(images, augment.stain, stream)
    if augment.brightness:
        gain = 1 + augment.brightness * _even(stream, len(images), 1, 1, 1)
        images = images * gain.to(images.device)
    if augment.cutout:
        images = cut_out(images, augment.cutout, stream)
    return images.clamp(0, 255)


def move_views(images: Tensor, augment: Augment, stream: torch.Generator) -> Tensor:
    """Turn, mirror, shift, zoom and shear in one resampling; shapes as above."""
    turn, right, down, zoom, shear = _even(stream, 5, len(images))
    mirror = 1 - 2 * (torch.rand(len(images), generator=stream) < 0.5).float()
    angle = torch.deg2rad(augment.turn * turn)
    scale = 1 + augment.zoom * zoom
    slant = augment.shear * shear
    side = mirror if augment.mirror else torch.ones_like(mirror)
    cos, sin = angle.cos(), angle.sin()
    # Affine maps work in units of half a side: a shift of 1 is half the image.
    reach = 2 * augment.shift
    rows = [
        [cos * scale * side, (cos * slant - sin) * scale, right * reach],
        [sin * scale * side, (sin * slant + cos) * scale, down * reach],
    ]
    matrix = torch.stack([torch.stack(row, 1) for row in rows], 1)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(
        images, grid.to(images.device), padding_mode="reflection", align_corners=False
    )


def restain(images: Tensor, amount: float, stream: torch.Generator) -> Tensor:
    """More or less of each stain, by up to `amount` of it: changes optical density."""
    stains = torch.tensor([METHYLENE_BLUE, EOSIN])
    rest = torch.linalg.cross(stains[0], stains[1])  # what neither stain explains
    stains = torch.cat([stains, rest[None] / rest.norm()])
    gains = 1 + amount * _even(stream, len(images), 3)
    change = torch.linalg.inv(stains) @ torch.diag_embed(gains) @ stains
    density = -(images.clamp(0, 255) + 1).div(256).log()
    changed = torch.einsum("nihw,nij->njhw", density, change.to(images.device))
    return (-changed).exp().mul(256).sub(1)


def cut_out(images: Tensor, side: float, stream: torch.Generator) -> Tensor:
    """A square, `side` of the image's wide, filled with its mean colour."""
    size = images.shape[-1]
    centre = torch.rand(2, len(images), 1, generator=stream) * size
    pixels = torch.arange(size) + 0.5
    rows, columns = (pixels - centre).abs() < side * size / 2
    square = (rows[:, :, None] & columns[:, None, :])[:, None].to(images.device)
    return torch.where(square, images.mean((2, 3), keepdim=True), images)


def _even(stream: torch.Generator, *shape: int) -> Tensor:
    """Even draws from -1 to 1."""
    return torch.rand(*shape, generator=stream) * 2 - 1
