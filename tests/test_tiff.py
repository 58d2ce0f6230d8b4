"""TIFF of every kind that microscopes write: the right picture, or the reason."""

import io
import itertools
import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from cytobalance.curation.decode import decode, decode_picture
from cytobalance.sources.members import UnreadableError

COARSE = np.random.default_rng(1).integers(40, 220, (8, 10, 3), dtype=np.uint8)
PIXELS = cv2.resize(COARSE, (100, 80), interpolation=cv2.INTER_CUBIC)
PIXELS[:16, :16] = 255  # brightfield: white stands in the picture and tells the depth
GREY = cv2.cvtColor(PIXELS, cv2.COLOR_RGB2GRAY)
THREE_GREY = np.repeat(GREY[..., None], 3, axis=2)
PLANES = np.moveaxis(PIXELS, 2, 0)
ALPHA = np.full(GREY.shape, 255, np.uint8)
ALPHA[:, :50] = 0
WHITE_LEFT = PIXELS.copy()
WHITE_LEFT[:, :50] = 255


def tiff(samples: np.ndarray, photometric: str, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, photometric=photometric, **options)
    return buffer.getvalue()


def deep(samples: np.ndarray, bits: int = 16) -> np.ndarray:
    """The same grey levels at `bits` bits in uint16: 255 becomes the largest value."""
    return samples.astype(np.uint16) * 257 >> (16 - bits)


WAYS = list(itertools.product((None, "lzw", "zlib"), (None, (32, 32)), "<>"))
WAYS += [("packbits", None, "<"), ("zstd", (32, 32), ">")]


@pytest.mark.parametrize(("compression", "tile", "byteorder"), WAYS)
def test_every_way_to_lay_samples_out_gives_the_same_picture(
    compression, tile, byteorder
):
    way = {"compression": compression, "tile": tile, "byteorder": byteorder}
    ways = [way, way | {"predictor": True}] if compression in ("lzw", "zlib") else [way]
    planar = {"planarconfig": "separate"}
    for way in ways:
        for bits, scaled in ((8, lambda samples: samples), (16, deep)):
            top = (1 << bits) - 1
            white = GREY.dtype.type if bits == 8 else np.uint16
            zero = white(top) - scaled(GREY)
            written = {
                "grey": (tiff(scaled(GREY), "minisblack", **way), THREE_GREY),
                "white is zero": (tiff(zero, "miniswhite", **way), THREE_GREY),
                "colour": (tiff(scaled(PIXELS), "rgb", **way), PIXELS),
                "planar": (tiff(scaled(PLANES), "rgb", **planar, **way), PIXELS),
            }
            for kind, (data, expected) in written.items():
                assert np.array_equal(decode(data), expected), (kind, bits, way)


def by_hand(samples: np.ndarray, photometric: int, planar: int, bits: int) -> bytes:
    """A little-endian TIFF of samples [H, W] or [C, H, W], a strip a plane.

    planar: 1 where the channels of a pixel stand together, 2 where each is a plane.
    bits: 16, or fewer, packed without a gap.
    """
    planes = samples.reshape(-1, *GREY.shape)
    if bits == 16:
        strips = [plane.astype("<u2").tobytes() for plane in planes]
    else:
        wide = np.unpackbits(np.ascontiguousarray(planes, ">u2").view(np.uint8), axis=2)
        wide = wide.reshape(*planes.shape, 16)[..., -bits:].reshape(len(planes), -1)
        strips = [np.packbits(plane).tobytes() for plane in wide]
    assert planar == 2 or len(strips) == 1
    body, count = b"".join(strips), len(strips)
    at = 8 + len(body)  # of what does not fit into a tag
    block = np.array([bits] * count + [0], "<u2").tobytes()[: 2 * count]
    starts = [8 + len(strips[0]) * k for k in range(count)]
    block += np.array([*starts, *map(len, strips)], "<u4").tobytes()
    one = count == 1
    height, width = GREY.shape
    tags = [(256, 4, 1, width), (257, 4, 1, height)]
    tags += [(258, 3, count, bits if one else at), (259, 3, 1, 1)]
    tags += [(262, 3, 1, photometric)]
    tags += [(273, 4, count, 8 if one else at + 2 * count), (277, 3, 1, count)]
    tags += [(278, 4, 1, height)]
    tags += [(279, 4, count, len(body) if one else at + 6 * count), (284, 3, 1, planar)]
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return (
        b"II*\0"
        + struct.pack("<I", at + len(block))
        + body
        + block
        + directory
        + bytes(4)
    )


def test_bytes_written_by_hand_are_read_as_the_standard_says():
    grey, planes = deep(GREY), deep(PLANES)
    assert np.array_equal(decode(by_hand(65535 - grey, 0, 1, 16)), THREE_GREY)
    assert np.array_equal(decode(by_hand(grey, 1, 1, 16)), THREE_GREY)
    assert np.array_equal(decode(by_hand(planes, 2, 2, 16)), PIXELS)
    assert np.array_equal(decode(by_hand(deep(GREY, 12), 1, 1, 12)), THREE_GREY)
    assert np.array_equal(decode(by_hand(deep(PLANES, 10), 2, 2, 10)), PIXELS)
    four = decode(by_hand(GREY.astype(np.uint16) >> 4, 1, 1, 4))
    assert np.array_equal(four, (THREE_GREY >> 4) * 17)


def other(image: Image.Image, **options) -> bytes:
    """Written by Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()


RGB = Image.fromarray(PIXELS)
BITS = np.where(THREE_GREY > 128, 255, 0)
PALETTE = RGB.convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
CMYK = RGB.convert("CMYK")
YCC = np.asarray(RGB.convert("YCbCr"))
UNSEEN = np.dstack([PIXELS, np.zeros_like(GREY)])
HALF = np.dstack([PIXELS, np.full_like(GREY, 128)])
MULTIPLIED = np.dstack([(PIXELS * (ALPHA[..., None] / 255)).astype(np.uint8), ALPHA])
# bytes, expected pixels, largest difference allowed
READ_RIGHTLY = {
    "colour, by Pillow": (other(RGB), PIXELS, 0),
    "colour, by OpenCV": (
        cv2.imencode(".tiff", PIXELS[..., ::-1])[1].tobytes(),
        PIXELS,
        0,
    ),
    "16-bit colour, by OpenCV": (
        cv2.imencode(".tiff", deep(PIXELS)[..., ::-1])[1].tobytes(),
        PIXELS,
        0,
    ),
    "BigTIFF": (tiff(PIXELS, "rgb", bigtiff=True), PIXELS, 0),
    "one bit": (other(Image.fromarray(GREY > 128)), BITS, 0),
    "one bit, white is zero": (tiff(GREY <= 128, "miniswhite"), BITS, 0),
    "palette": (other(PALETTE), np.asarray(PALETTE.convert("RGB")), 0),
    "ink": (other(CMYK), np.asarray(CMYK.convert("RGB")), 0),
    "ink, 16 bits": (
        tiff(deep(np.asarray(CMYK)), "separated"),
        np.asarray(CMYK.convert("RGB")),
        0,
    ),
    "YCbCr": (tiff(YCC, "ycbcr", subsampling=(1, 1)), PIXELS, 3),
    "JPEG inside": (tiff(PIXELS, "rgb", compression="jpeg"), PIXELS, 24),
    "JPEG inside, by Pillow": (
        other(RGB, compression="jpeg", quality=95),
        PIXELS,
        24,
    ),
    "JPEG inside, tiles": (  # which are filled up with black, and that rings
        tiff(PIXELS, "rgb", compression="jpeg", tile=(32, 32)),
        PIXELS,
        50,
    ),
    "turned": (
        tiff(PIXELS, "rgb", extratags=[(274, "H", 1, 6, True)]),
        np.rot90(PIXELS, -1),
        0,
    ),
    "transparent, not multiplied": (
        tiff(np.dstack([PIXELS, ALPHA]), "rgb", extrasamples=["unassalpha"]),
        WHITE_LEFT,
        0,
    ),
    "transparent, multiplied": (
        tiff(MULTIPLIED, "rgb", extrasamples=["assocalpha"]),
        WHITE_LEFT,
        0,
    ),
    "half transparent": (
        tiff(HALF, "rgb", extrasamples=["unassalpha"]),
        127 + PIXELS / 255 * 128,
        1,
    ),
    "12 bits in 16, 8 bits of alpha": (
        tiff(
            np.dstack([deep(PIXELS, 12), ALPHA.astype(np.uint16)]),
            "rgb",
            extrasamples=["unassalpha"],
        ),
        WHITE_LEFT,
        0,
    ),
    "alpha never written": (
        tiff(UNSEEN, "rgb", extrasamples=["unassalpha"]),
        PIXELS,
        0,
    ),
    "alpha never written, multiplied": (
        tiff(UNSEEN, "rgb", extrasamples=["assocalpha"]),
        PIXELS,
        0,
    ),
    "alpha never written, 16 bits": (
        tiff(deep(UNSEEN), "rgb", extrasamples=["unassalpha"]),
        PIXELS,
        0,
    ),
    "alpha never written, planar": (
        tiff(
            np.moveaxis(UNSEEN, 2, 0),
            "rgb",
            planarconfig="separate",
            extrasamples=["unassalpha"],
        ),
        PIXELS,
        0,
    ),
    "grey, alpha never written": (
        tiff(
            np.dstack([GREY, GREY * 0]),
            "minisblack",
            extrasamples=["unassalpha"],
            planarconfig="contig",
        ),
        THREE_GREY,
        0,
    ),
    "a fourth channel that is no alpha": (
        tiff(UNSEEN, "rgb", extrasamples=["unspecified"]),
        PIXELS,
        0,
    ),
}


@pytest.mark.parametrize("kind", READ_RIGHTLY)
def test_read_rightly(kind):
    data, expected, tolerance = READ_RIGHTLY[kind]
    pixels = decode(data)
    assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(float) - expected).max() <= tolerance


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("colour", [True, False])
def test_fewer_bits_in_16_are_told_by_the_largest_value(bits, colour):
    samples, kind = (PIXELS, "rgb") if colour else (GREY, "minisblack")
    expected = PIXELS if colour else THREE_GREY
    data = tiff(deep(samples, bits), kind)
    assert np.array_equal(decode(data), expected)
    assert decode_picture(data).largest == (1 << bits) - 1
    # White-is-zero counts its bits the other way round.
    zero = tiff((1 << bits) - 1 - deep(GREY, bits), "miniswhite")
    assert np.abs(decode(zero).astype(int) - THREE_GREY).max() <= 1


def test_a_dark_picture_is_read_at_the_depth_that_is_asked_or_declared():
    dark = deep(GREY // 8, 12)
    assert dark.max() < 512
    asked = decode_picture(tiff(dark, "minisblack"), depth=12).pixels
    assert np.array_equal(asked, THREE_GREY // 8)
    declared = tiff(dark, "minisblack", extratags=[(281, "H", 1, 4095, True)])
    assert decode_picture(declared).largest == 4095
    assert np.array_equal(decode(declared), THREE_GREY // 8)
    # Without either the fewest bits that hold it are taken: brighter, nothing cut off.
    judged = decode(tiff(dark, "minisblack"))
    assert np.array_equal(judged >> 3, THREE_GREY // 8 >> 1)


SMALL = PIXELS[::2, ::2]


def pages(*written) -> bytes:
    """A TIFF of several pages, each samples and NewSubfileType."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for samples, kind in written:
            colours = "rgb" if samples.ndim == 3 else "minisblack"
            file.write(samples, photometric=colours, subfiletype=kind, metadata=None)
    return buffer.getvalue()


def test_thumbnails_and_masks_beside_the_picture_are_passed_over():
    data = pages((SMALL, 1), (PIXELS, 0), (GREY > 128, 4))
    assert np.array_equal(decode(data), PIXELS)
    single = tiff(GREY, "minisblack", **metamorph(1))
    assert np.array_equal(decode(single), THREE_GREY)
    # A page alone is the picture, whatever it calls itself.
    assert np.array_equal(decode(pages((PIXELS, 1))), PIXELS)


def with_tag(data: bytes, code: int, value) -> bytes:
    """`data` with another value of a tag that it has."""
    buffer = io.BytesIO(data)
    with tifffile.TiffFile(buffer) as file:
        file.pages.first.tags[code].overwrite(value)
    return buffer.getvalue()


def damaged(data: bytes, part: float = 0.1) -> bytes:
    """A part of the first strip or tile zeroed, in its middle."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        start, size = page.dataoffsets[0], page.databytecounts[0]
    middle, length = start + size // 2, max(int(size * part), 1)
    return data[:middle] + bytes(length) + data[middle + length :]


NOISE = np.random.default_rng(2).normal(0, 4, PIXELS.shape)
NOISY = np.clip(PIXELS + NOISE, 0, 255).astype(np.uint8)
PLAIN = tiff(PIXELS, "rgb")
COLOURS_3 = {"planarconfig": "contig", "extrasamples": ["unspecified"] * 2}


def metamorph(planes: int) -> dict:
    """Tags by which MetaMorph says how many planes follow the first."""
    values = (1, 1) * planes
    tags = [(33628, "I", 4, (0,) * 4, True), (33629, "2I", planes, values, True)]
    return {"extratags": tags, "metadata": None}


REFUSED = {
    "two pictures": (pages((PIXELS, 0), (PIXELS, 0)), "multi-page: 2 pages, 2 of them"),
    "thumbnails only": (pages((SMALL, 1), (SMALL, 1)), "multi-page: 2 pages, 0 of"),
    "stack of ImageJ": (
        tiff(PIXELS, "rgb", description="ImageJ=1.53\nimages=9\nslices=9\n"),
        "multi-page: a stack of 9",
    ),
    "stack of MetaMorph": (tiff(GREY, "minisblack", **metamorph(3)), "stack of 3"),
    "signed": (tiff(GREY.astype(np.int16), "minisblack"), "signed or floating-point"),
    "signed, 8 bits": (tiff(GREY.astype(np.int8), "minisblack"), "signed or float"),
    "half floats": (tiff(GREY.astype(np.float16), "minisblack"), "signed or floating"),
    "32-bit whole numbers": (tiff(GREY.astype(np.uint32), "minisblack"), "32-bit"),
    "floats": (tiff(GREY.astype(np.float32), "minisblack"), "32-bit pixels"),
    "doubles": (tiff(GREY.astype(np.float64), "minisblack"), "32-bit pixels"),
    "Lab": (tiff(PIXELS, "cielab"), "CIELAB colours; save it as RGB"),
    "subsampled YCbCr": (
        with_tag(tiff(YCC, "ycbcr", subsampling=(1, 1)), 530, (2, 2)),
        "subsampled YCbCr; save it as RGB",
    ),
    "fluorescence": (tiff(PIXELS, "minisblack", **COLOURS_3), "3 channels"),
    "rare compression": (tiff(PIXELS, "rgb", compression="webp"), "compression WEBP"),
    "enormous": (with_tag(PLAIN, 256, 2**30), "enormous: 1073741824x80"),
    "enormous tiles": (
        with_tag(tiff(PIXELS, "rgb", tile=(64, 32)), 323, 2**31),
        "enormous: tiles of 32x2147483648",
    ),
    "thousands of channels": (with_tag(PLAIN, 277, 9999), "9999 channels"),
    "rows without a strip": (
        with_tag(tiff(PIXELS, "rgb", rowsperstrip=80), 278, 8),
        "damaged image: TIFF without all of its strips",
    ),
    "cut off": (PLAIN[:9000], "damaged image"),
    "header alone": (b"II*\0" + bytes(60), "damaged image: TIFF without a page"),
    "a strip that lies nowhere": (
        with_tag(PLAIN, 273, 0),
        "damaged image: TIFF without all of its strips",
    ),
    **{
        f"{way}, damaged inside": (
            damaged(tiff(NOISY, "rgb", compression=way)),
            "damaged image: ",
        )
        for way in ("lzw", "zlib", "packbits", "jpeg")
    },
    "JPEG inside, by Pillow, damaged": (
        damaged(other(Image.fromarray(NOISY), compression="jpeg")),
        "damaged image: ",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_a_reason(kind):
    data, reason = REFUSED[kind]
    with pytest.raises(UnreadableError, match=reason) as caught:
        decode(data)
    assert "\n" not in str(caught.value)
