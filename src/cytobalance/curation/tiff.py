"""TIFF of every kind that microscopes write, read strictly or refused with a reason.

Not by Pillow or OpenCV: they invert white-is-zero at 16 bits, mix up the planes of
planar colour, and return what libtiff fills in where compressed data are damaged.
"""

import io
import logging
import math
from typing import NoReturn

import numpy as np
import tifffile
from PIL import Image
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, PLANARCONFIG

from cytobalance.curation.jpeg import ORIENTATION, check_jpeg
from cytobalance.curation.pixels import (
    MAX_PIXELS,
    Picture,
    check_size,
    find_depth,
    lay_on_white,
    to_bytes,
    turn_upright,
)
from cytobalance.sources.members import UnreadableError

MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF and BigTIFF
GREY = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE)
# Colours that Pillow converts, and its name for them.
CONVERTED = {PHOTOMETRIC.SEPARATED: "CMYK", PHOTOMETRIC.YCBCR: "YCbCr"}
ALPHA = {EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA}
COMPRESSIONS = (
    *(COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.PACKBITS, COMPRESSION.JPEG),
    *(COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE, COMPRESSION.ZSTD),
)
MAX_CHANNELS = 8  # colours, alpha and what programs add
JPEG_TABLES, LARGEST_SAMPLE, SUBSAMPLING, METAMORPH_PLANES = 347, 281, 530, 33629

# It reports vendors' tags that it can't parse; what is wrong with pixels it raises.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def is_tiff(data: bytes) -> bool:
    """Whether `data` begins as a TIFF or BigTIFF does."""
    return data.startswith(MARKS)


def decode_tiff(data: bytes, depth: int = 0) -> Picture:
    """The picture of a TIFF. Thumbnails and masks beside it are passed over.

    depth: bits in use of 16-bit samples; 0 takes the fewest that hold the largest.
    Raises UnreadableError, or what tifffile raises of a damaged file.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = _find_picture(file)
        check_size(page.imagewidth, page.imagelength)
        if page.is_tiled and page.tilewidth * page.tilelength > MAX_PIXELS:
            raise UnreadableError(
                f"enormous: tiles of {page.tilewidth}x{page.tilelength} pixels"
            )
        _check_samples(page)
        _check_segments(page, data)
        samples = page.asarray(maxworkers=1)
    if samples.dtype == bool:
        samples = samples.view(np.uint8)
    if page.planarconfig == PLANARCONFIG.SEPARATE and samples.ndim == 3:
        samples = np.moveaxis(samples, 0, 2)
    samples = samples.reshape(page.imagelength, page.imagewidth, -1)
    bits, largest = page.bitspersample, 0
    if bits == 16 and page.photometric != PHOTOMETRIC.PALETTE:
        colours = samples[..., : _count_colours(page)]
        largest = max(int(colours.max()), _declared(page), 1)
        bits = depth or find_depth(largest)
    pixels = _to_colours(page, samples, bits)
    return Picture(turn_upright(pixels, _tag(page, ORIENTATION, 1)), largest)


def _find_picture(file: tifffile.TiffFile) -> tifffile.TiffPage:
    """The only page that is neither a smaller copy of another nor a mask."""
    pages = [page.aspage() for page in file.pages]
    if not pages:
        raise UnreadableError("damaged image: TIFF without a page")
    pictures = [page for page in pages if not page.is_reduced and not page.is_mask]
    if len(pages) == 1 and not pages[0].subifds:  # where a camera keeps the picture
        pictures = pages
    if len(pictures) != 1:
        raise UnreadableError(
            f"animated or multi-page: {len(pages)} pages, {len(pictures)} of them "
            "pictures; save the one meant as a file of its own"
        )
    # Two programs put a stack behind the directory of its first plane.
    stack = (file.imagej_metadata or {}).get("images", 1)
    if METAMORPH_PLANES in pictures[0].tags:
        stack = pictures[0].tags[METAMORPH_PLANES].count
    if stack != 1:
        raise UnreadableError(
            f"animated or multi-page: a stack of {stack} in one page; save the one "
            "meant as a file of its own"
        )
    return pictures[0]


def _check_samples(page: tifffile.TiffPage) -> None:
    """Refuse samples and colours whose black and white the file does not tell."""
    bits, kind = page.bitspersample, page.photometric
    if not isinstance(bits, int):
        _refuse("channels of unequal bits")
    if bits > 16:
        raise UnreadableError("32-bit pixels, whose white is not known")
    if page.sampleformat not in (1, 4):  # unsigned, undefined
        raise UnreadableError("signed or floating-point pixels: white is not known")
    if page.imagedepth != 1:
        raise UnreadableError("animated or multi-page: a volume")
    if kind not in (*GREY, *CONVERTED, PHOTOMETRIC.RGB, PHOTOMETRIC.PALETTE):
        _refuse(f"{getattr(kind, 'name', kind)} colours; save it as RGB")
    if page.compression not in COMPRESSIONS:
        name = getattr(page.compression, "name", page.compression)
        _refuse(f"compression {name}; save it with LZW")
    if _is_raw_ycbcr(page) and tuple(_tag(page, SUBSAMPLING, (2, 2))) != (1, 1):
        _refuse("subsampled YCbCr; save it as RGB")
    channels, colours = page.samplesperpixel, _count_colours(page)
    most = 2 if ALPHA.intersection(page.extrasamples[:1]) else 1  # where it is grey
    if not colours <= channels <= MAX_CHANNELS or (colours == 1 and channels > most):
        _refuse(f"{channels} channels, of which none is marked; save it as grey or RGB")


def _refuse(why: str) -> NoReturn:
    raise UnreadableError(f"TIFF that can't be read: {why}")


def _is_raw_ycbcr(page: tifffile.TiffPage) -> bool:
    """Whether samples are YCbCr still; JPEG's decoder makes them RGB."""
    jpeg = page.compression == COMPRESSION.JPEG
    return page.photometric == PHOTOMETRIC.YCBCR and not jpeg


def _check_segments(page: tifffile.TiffPage, data: bytes) -> None:
    """Refuse strips and tiles that are not there or, as JPEG, are damaged inside.

    tifffile fills missing ones with black, and its JPEG decoder overhears warnings.
    """
    tables = _tag(page, JPEG_TABLES, b"")
    starts, sizes = page.dataoffsets, page.databytecounts
    if not math.prod(page.chunked) <= len(starts) == len(sizes):
        raise UnreadableError("damaged image: TIFF without all of its strips")
    for start, size in zip(starts, sizes, strict=True):
        if not start or not size or start + size > len(data):
            raise UnreadableError("damaged image: TIFF without all of its strips")
        if page.compression == COMPRESSION.JPEG:
            picture = data[start : start + size]
            check_jpeg(tables[:-2] + picture[2:] if tables else picture)


def _count_colours(page: tifffile.TiffPage) -> int:
    """Samples of a pixel that are colour; behind them alpha may follow."""
    one = page.photometric in (*GREY, PHOTOMETRIC.PALETTE)
    return 1 if one else 4 if page.photometric == PHOTOMETRIC.SEPARATED else 3


def _to_colours(page: tifffile.TiffPage, samples: np.ndarray, bits: int) -> np.ndarray:
    """Samples [H, W, C] of `bits` as colours uint8 [H, W, 3], alpha laid on white."""
    kind, count = page.photometric, _count_colours(page)
    if kind == PHOTOMETRIC.PALETTE:
        palette = page.colormap
        palette = to_bytes(palette, 16 if palette.max() > 255 else 8)
        colours = palette.T[samples[..., 0]].astype(np.uint8)
    else:
        colours = to_bytes(samples[..., :count], bits)
        if kind == PHOTOMETRIC.MINISWHITE:
            colours = 255 - colours
        if kind == PHOTOMETRIC.SEPARATED or _is_raw_ycbcr(page):
            image = Image.fromarray(np.ascontiguousarray(colours), CONVERTED[kind])
            colours = np.array(image.convert("RGB"))
        colours = np.broadcast_to(colours, (*colours.shape[:2], 3))
    extra = page.extrasamples or (EXTRASAMPLE.UNASSALPHA,)
    if samples.shape[2] > count and extra[0] in ALPHA:
        alpha = samples[..., count]
        alpha = to_bytes(alpha, bits) if bits < 8 else alpha
        return lay_on_white(colours, alpha, extra[0] == EXTRASAMPLE.ASSOCALPHA)
    return colours


def _declared(page: tifffile.TiffPage) -> int:
    """The largest sample by tag 281; 0 for TIFF's default, which says nothing."""
    declared = int(np.max(_tag(page, LARGEST_SAMPLE, 0)))
    return declared if declared < 65535 else 0


def _tag(page: tifffile.TiffPage, code: int, default):
    """Value of the tag `code`; `default` where the page has none."""
    return page.tags.valueof(code, default)
