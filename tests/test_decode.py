"""Image files of every kind: each is read rightly or refused with its reason."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from cytobalance.curation import decode as decoding
from cytobalance.curation.decode import crop_centre, decode, preview, shrink
from cytobalance.sources.members import UnreadableError

RANDOM = np.random.default_rng(1)
COARSE = RANDOM.integers(40, 220, (8, 10, 3), dtype=np.uint8)
# Smooth, so that lossy formats stay near; not square, so that turns are seen.
PIXELS = cv2.resize(COARSE, (100, 80), interpolation=cv2.INTER_CUBIC)
RGB = Image.fromarray(PIXELS)
GREY = np.asarray(RGB.convert("L"))


def pack(image, kind, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def bmp(header: int) -> bytes:
    """24-bit BMP of PIXELS with a header of 40 (plain) or 124 bytes (version 5)."""
    height, width = PIXELS.shape[:2]
    body = PIXELS[::-1, :, ::-1].tobytes()  # rows of 300 bytes need no padding
    offset = 14 + header
    info = struct.pack("<IiiHHIIiiII", header, width, height, 1, 24, 0, *[0] * 5)
    info = info.ljust(header, b"\0")
    return struct.pack("<2sIHHI", b"BM", offset + len(body), 0, 0, offset) + info + body


def see_through() -> Image.Image:
    alpha = np.full(PIXELS.shape[:2], 255, np.uint8)
    alpha[:, :50] = 0
    return Image.fromarray(np.dstack([PIXELS, alpha]))


WHITE_LEFT = PIXELS.copy()
WHITE_LEFT[:, :50] = 255
THREE_GREY = np.repeat(GREY[..., None], 3, axis=2)
# bytes, expected pixels, largest difference allowed
READ_RIGHTLY = {
    "png": (pack(RGB, "PNG"), PIXELS, 0),
    "bmp, plain header": (bmp(40), PIXELS, 0),
    "bmp, long header": (bmp(124), PIXELS, 0),
    "tiff": (pack(RGB, "TIFF"), PIXELS, 0),
    "tiff, lzw, rgba": (
        pack(RGB.convert("RGBA"), "TIFF", compression="tiff_lzw"),
        PIXELS,
        0,
    ),
    "jpeg": (pack(RGB, "JPEG", quality=95), PIXELS, 24),
    "jpeg, progressive": (
        pack(RGB, "JPEG", quality=95, progressive=True),
        PIXELS,
        24,
    ),
    "jpeg, grey": (pack(Image.fromarray(GREY), "JPEG", quality=95), THREE_GREY, 12),
    "jpeg, cmyk": (pack(RGB.convert("CMYK"), "JPEG", quality=95), PIXELS, 40),
    "jpeg, turned": (
        pack(RGB, "JPEG", quality=95, exif=exif(6)),
        np.rot90(PIXELS, -1),
        24,
    ),
    "png, turned": (pack(RGB, "PNG", exif=exif(3)), np.rot90(PIXELS, 2), 0),
    "png, grey": (pack(Image.fromarray(GREY), "PNG"), THREE_GREY, 0),
    "png, grey and alpha": (
        pack(Image.fromarray(GREY).convert("LA"), "PNG"),
        THREE_GREY,
        0,
    ),
    "png, palette": (
        pack(RGB.convert("P", palette=Image.Palette.ADAPTIVE, colors=256), "PNG"),
        PIXELS,
        40,
    ),
    "png, one bit": (
        pack(Image.fromarray(GREY).point(lambda v: v > 128, "1"), "PNG"),
        np.where(THREE_GREY > 128, 255, 0),
        0,
    ),
    "png, transparent": (pack(see_through(), "PNG"), WHITE_LEFT, 0),
    "png, 16-bit grey": (
        cv2.imencode(".png", GREY.astype(np.uint16) * 257)[1].tobytes(),
        THREE_GREY,
        0,
    ),
    "png, 16-bit colour": (
        cv2.imencode(".png", PIXELS[..., ::-1].astype(np.uint16) * 257)[1].tobytes(),
        PIXELS,
        0,
    ),
    "gif, one frame": (pack(RGB, "GIF"), PIXELS, 60),
    "webp": (pack(RGB, "WEBP", lossless=True), PIXELS, 0),
    "ppm": (pack(RGB, "PPM"), PIXELS, 0),
}


@pytest.mark.parametrize("kind", READ_RIGHTLY)
def test_read_rightly(kind):
    data, expected, tolerance = READ_RIGHTLY[kind]
    pixels = decode(data)
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    assert pixels.flags.c_contiguous
    assert np.abs(pixels.astype(int) - expected).max() <= tolerance


def test_both_jpeg_decoders_see_the_same_pixels():
    # A duplicate is found by its pixels, whichever way the copy was decoded.
    plain = READ_RIGHTLY["jpeg"][0]
    by_pillow = np.asarray(Image.open(io.BytesIO(plain)))
    assert np.array_equal(decode(plain), by_pillow)
    assert np.array_equal(decode(plain + b"\0"), by_pillow)


def bomb_png() -> bytes:
    """A PNG of a few bytes that says that it has 30,000 x 30,000 pixels."""

    def chunk(kind, body):
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    marks = [(b"IHDR", head), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*mark) for mark in marks)


def bomb_jpeg() -> bytes:
    data = bytearray(READ_RIGHTLY["jpeg"][0])
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    return bytes(data)


JPEG, PNG = READ_RIGHTLY["jpeg"][0], READ_RIGHTLY["png"][0]
PAGES = {"save_all": True, "append_images": [RGB.rotate(180)]}
REFUSED = {
    "zero bytes": (b"", "empty file"),
    "text": (b"label,file\n" * 50, "not an image"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "damaged image"),
    "truncated jpeg, end mark put on": (JPEG[:300] + b"\xff\xd9", "damaged image"),
    "truncated jpeg, header only": (JPEG[:30], "image"),
    "truncated png": (PNG[: len(PNG) // 2], "damaged image"),
    "truncated bmp": (bmp(40)[:9000], "damaged image"),
    "truncated tiff": (READ_RIGHTLY["tiff"][0][:9000], "image"),
    "one pixel": (pack(RGB.crop((0, 0, 1, 1)), "PNG"), "too small: 1x1"),
    "one pixel, jpeg": (pack(RGB.crop((0, 0, 1, 1)), "JPEG"), "too small: 1x1"),
    "enormous png": (bomb_png(), "enormous: 30000x30000"),
    "enormous jpeg": (bomb_jpeg(), "enormous: 60000x60000"),
    "multi-page tiff": (pack(RGB, "TIFF", **PAGES), "multi-page: 2"),
    "animated gif": (pack(RGB, "GIF", **PAGES), "animated or multi-page: 2"),
    "animated png": (pack(RGB, "PNG", **PAGES), "animated or multi-page: 2"),
    "animated webp": (pack(RGB, "WEBP", **PAGES), "animated or multi-page: 2"),
    "float tiff": (pack(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "32-bit"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_a_reason(kind):
    data, reason = REFUSED[kind]
    with pytest.raises(UnreadableError, match=reason) as caught:
        decode(data)
    assert "\n" not in str(caught.value)
    assert " at 0x" not in str(caught.value)  # an address would differ from run to run


def test_no_image_escapes_as_another_error():
    # Bytes flipped at random: whatever a decoder meets, it is our exception or pixels.
    outcomes = set()
    for kind in ("jpeg", "png", "tiff, lzw, rgba", "bmp, plain header", "webp"):
        for seed in range(40):
            data = bytearray(READ_RIGHTLY[kind][0])
            spots = np.random.default_rng(seed).integers(0, min(len(data), 400), 6)
            for spot in spots:
                data[spot] ^= 0xFF
            try:
                outcomes.add(decode(bytes(data)).ndim)
            except UnreadableError as error:
                assert str(error)
                outcomes.add("refused")
    assert outcomes == {3, "refused"}


def test_crop_by_part_and_by_pixels():
    frame = np.zeros((363, 360, 3), np.uint8)
    frame[81:281, 80:280] = 255
    assert crop_centre(frame, 200).shape == (200, 200, 3)
    assert crop_centre(frame, 200).min() == 255
    assert crop_centre(frame, 0.5).shape == (180, 180, 3)
    assert crop_centre(frame, 1.0).shape == (360, 360, 3)
    assert crop_centre(frame, 1000).shape == (360, 360, 3)


@pytest.mark.parametrize("side", [33, 64, 65, 216, 360])
def test_shrinking_does_not_alias(side):
    # Finest stripes become even grey; a resize without antialiasing keeps stripes.
    stripes = np.zeros((side, side, 3), np.uint8)
    stripes[:, ::2] = 255
    small = shrink(stripes, 16)
    assert small.shape == (16, 16, 3)
    assert np.abs(small.astype(int) - 128).max() <= 64


def test_shrinking_keeps_the_mean_and_the_place():
    image = np.zeros((240, 240, 3), np.uint8)
    image[:120, :120] = (200, 100, 50)
    small = shrink(image, 32)
    assert np.allclose(small.mean((0, 1)), image.mean((0, 1)), atol=1)
    assert small[4, 4].tolist() == [200, 100, 50]
    assert small[4, 28].tolist() == [0, 0, 0]


def test_small_images_are_enlarged():
    assert shrink(PIXELS[:28, :28], 64).shape == (64, 64, 3)


def test_preview_is_grey_and_of_the_whole_frame():
    frame = np.zeros((363, 360, 3), np.uint8)
    frame[:, 180:] = 255
    small = preview(frame)
    assert small.shape == (64, 64)
    assert small[:, :31].max() == 0 and small[:, 33:].min() == 255


def test_enormous_images_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(decoding.cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(UnreadableError, match="enormous"):
        decode(bomb_jpeg())
