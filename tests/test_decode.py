"""Image files of every kind: each is read rightly or refused with its reason."""

import io
import struct
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps

from cytobalance.curation.decode import (
    crop_centre,
    decode,
    decode_picture,
    preview,
    shrink,
)
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


def bmp_with_alpha(header: int, masks: bool, alpha: int) -> bytes:
    """32-bit BMP of PIXELS; `masks`: a bit mask a channel, among them one of alpha."""
    height, width = PIXELS.shape[:2]
    fourth = np.full((height, width), alpha, np.uint8)
    body = np.dstack([PIXELS[..., ::-1], fourth])[::-1].tobytes()
    info = struct.pack(
        "<IiiHHIIiiII", header, width, height, 1, 32, 3 if masks else 0, *[0] * 5
    )
    if masks:
        info += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = info.ljust(header, b"\0")
    offset = 14 + len(info)
    return struct.pack("<2sIHHI", b"BM", offset + len(body), 0, 0, offset) + info + body


def see_through() -> Image.Image:
    alpha = np.full(PIXELS.shape[:2], 255, np.uint8)
    alpha[:, :50] = 0
    return Image.fromarray(np.dstack([PIXELS, alpha]))


WHITE_LEFT = PIXELS.copy()
WHITE_LEFT[:, :50] = 255
THREE_GREY = np.repeat(GREY[..., None], 3, axis=2)


def deep_png(samples: np.ndarray, bits: int = 16) -> bytes:
    """PNG of 16-bit samples [H, W] or [H, W, 2 to 4] of which `bits` are in use."""
    return imagecodecs.png_encode(samples.astype(np.uint16) * 257 >> (16 - bits))


def unseen(image: Image.Image) -> Image.Image:
    """The same colours under an alpha that nobody wrote: 0 everywhere."""
    image.putalpha(0)
    return image


PHONE = pack(RGB, "MPO", quality=95, save_all=True, append_images=[RGB.rotate(180)])
HALF = np.dstack([PIXELS, np.full_like(GREY, 128)])
HALF_WHITE = 127 + PIXELS / 255 * 128
CLEAR_LEFT = np.asarray(see_through())
INDEXED = Image.fromarray(GREY, "P")
INDEXED.putpalette([level for level in range(256) for _ in range(3)])
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
    "pgm, 16 bits": (
        b"P5 100 80 65535\n" + (GREY.astype(">u2") * 257).tobytes(),
        THREE_GREY,
        0,
    ),
    "pgm, 12 bits": (
        b"P5 100 80 4095\n"
        + (GREY.astype(np.uint16) * 257 >> 4).astype(">u2").tobytes(),
        THREE_GREY,
        1,
    ),
    "jpeg 2000, 16-bit grey": (
        pack(Image.fromarray(GREY.astype(np.uint16) * 257), "JPEG2000"),
        THREE_GREY,
        0,
    ),
    "jpeg of a phone, two pictures": (PHONE, PIXELS, 24),
    "jpeg of a phone, turned": (
        pack(
            RGB,
            "MPO",
            quality=95,
            save_all=True,
            append_images=[RGB],
            exif=exif(6),
        ),
        np.rot90(PIXELS, -1),
        24,
    ),
    "jpeg, other data behind": (PHONE[: len(PHONE) // 3 * 2] + b"x" * 999, PIXELS, 24),
    "jpeg, RGB inside": (pack(RGB, "JPEG", quality=95, keep_rgb=True), PIXELS, 24),
    "png, partly transparent": (pack(Image.fromarray(HALF), "PNG"), HALF_WHITE, 1),
    "png, 16-bit, transparent": (deep_png(CLEAR_LEFT), WHITE_LEFT, 0),
    "webp, transparent": (pack(see_through(), "WEBP", lossless=True), WHITE_LEFT, 0),
    "bmp, 32 bits": (bmp_with_alpha(40, False, 0), PIXELS, 0),
    "bmp, alpha written": (bmp_with_alpha(124, True, 255), PIXELS, 0),
    "bmp, alpha never written": (bmp_with_alpha(124, True, 0), PIXELS, 0),
    "bmp, version 4, alpha never written": (bmp_with_alpha(108, True, 0), PIXELS, 0),
    "bmp, masks behind the header": (bmp_with_alpha(40, True, 0), PIXELS, 0),
    "png, alpha never written": (pack(unseen(RGB.copy()), "PNG"), PIXELS, 0),
    "png, grey, alpha never written": (
        pack(unseen(Image.fromarray(GREY)), "PNG"),
        THREE_GREY,
        0,
    ),
    "png, 16-bit, alpha never written": (
        deep_png(np.dstack([PIXELS, GREY * 0])),
        PIXELS,
        0,
    ),
    "png, 16-bit grey, alpha never written": (
        deep_png(np.dstack([GREY, GREY * 0])),
        THREE_GREY,
        0,
    ),
    "png, palette, alpha never written": (
        pack(INDEXED, "PNG", transparency=bytes(256)),
        THREE_GREY,
        0,
    ),
    "webp, alpha never written": (
        pack(unseen(RGB.copy()), "WEBP", lossless=True, exact=True),
        PIXELS,
        0,
    ),
    "tga, alpha never written": (pack(unseen(RGB.copy()), "TGA"), PIXELS, 0),
}


@pytest.mark.parametrize("kind", READ_RIGHTLY)
def test_read_rightly(kind):
    data, expected, tolerance = READ_RIGHTLY[kind]
    pixels = decode(data)
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    assert pixels.flags.c_contiguous
    assert np.abs(pixels.astype(float) - expected).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_a_camera(orientation):
    turned = ImageOps.exif_transpose(
        Image.open(io.BytesIO(pack(RGB, "PNG", exif=exif(orientation))))
    )
    assert np.array_equal(
        decode(pack(RGB, "PNG", exif=exif(orientation))), np.asarray(turned)
    )
    jpeg = pack(RGB, "JPEG", exif=exif(orientation))
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(jpeg)))
    assert np.array_equal(decode(jpeg), np.asarray(turned))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_fewer_bits_in_a_16_bit_png_are_told_by_the_largest_value(bits):
    bright = np.maximum(PIXELS, np.where(np.arange(100) < 9, 255, 0)[:, None])
    picture = decode_picture(deep_png(bright.astype(np.uint8), bits))
    assert np.array_equal(picture.pixels, bright)
    assert picture.largest == (1 << bits) - 1
    dark = decode_picture(deep_png(bright.astype(np.uint8), bits), depth=16).pixels
    assert np.array_equal(dark, bright >> (16 - bits))


def test_jpeg_pixels_are_those_of_other_decoders():
    # A copy that went through another program must keep its pixels' identity.
    plain = READ_RIGHTLY["jpeg"][0]
    assert np.array_equal(decode(plain), np.asarray(Image.open(io.BytesIO(plain))))
    by_opencv = cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(decode(plain), by_opencv)
    assert np.array_equal(decode(plain + b"\0"), by_opencv)


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
NOISE = RANDOM.normal(0, 6, (200, 240, 3)) + cv2.resize(PIXELS, (240, 200))
NOISY = Image.fromarray(np.clip(NOISE, 0, 255).astype(np.uint8))


def damaged(data: bytes, start: float = 0.5, part: float = 0.1) -> bytes:
    """`part` of the bytes zeroed, from `start` on."""
    at, length = int(len(data) * start), int(len(data) * part)
    return data[:at] + bytes(length) + data[at + length :]


def shortened(data: bytes, part: float) -> bytes:
    """The first part of a JPEG, ended as a whole one is."""
    return data[: int(len(data) * part)] + b"\xff\xd9"


KINDS = {
    "plain": {},
    "progressive": {"progressive": True},
    "with restarts": {"restart_marker_rows": 1},
    "turned": {"exif": exif(6)},
}
NOISY_JPEG = {kind: pack(NOISY, "JPEG", **options) for kind, options in KINDS.items()}
NOISY_JPEG["grey"] = pack(NOISY.convert("L"), "JPEG")
NOISY_JPEG["ink"] = pack(NOISY.convert("CMYK"), "JPEG")
DAMAGED_JPEG = {
    f"{kind} {how}": made
    for kind, data in NOISY_JPEG.items()
    for how, made in {
        "zeroed": damaged(data),
        "cut and ended": shortened(data, 0.5),
        "cut near its end": shortened(data, 0.97),
        "cut": data[: len(data) // 2],
    }.items()
}


@pytest.mark.parametrize("kind", DAMAGED_JPEG)
def test_a_jpeg_that_is_damaged_inside_is_refused(kind):
    decode(NOISY_JPEG[kind.partition(" zeroed")[0].partition(" cut")[0]])
    with pytest.raises(UnreadableError, match=r"damaged image: .*JPEG"):
        decode(DAMAGED_JPEG[kind])


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
    "png, damaged inside": (damaged(pack(NOISY, "PNG")), "damaged image"),
    "png, one bit wrong": (
        (lambda data: data[:900] + bytes([data[900] ^ 1]) + data[901:])(PNG),
        r"damaged image: .*checksum",
    ),
    "16-bit png, damaged": (damaged(deep_png(np.asarray(NOISY))), "damaged image"),
    "png without its end": (PNG[:-12], "damaged image"),
    "gif cut off": (pack(NOISY, "GIF")[:9000], "damaged image"),
    "webp cut off": (pack(NOISY, "WEBP")[:900], "image"),
    "bmp short of rows": (bmp_with_alpha(40, False, 0)[:-400], "damaged image"),
    "webp, colours erased under alpha": (
        pack(unseen(RGB.copy()), "WEBP", lossless=True),
        "empty image: transparent",
    ),
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
    kinds = ("jpeg", "jpeg of a phone, turned", "jpeg, cmyk", "png", "webp", "ppm")
    kinds += ("png, 16-bit colour", "tiff, lzw, rgba", "bmp, plain header")
    for kind in (*kinds, "gif, one frame", "jpeg 2000, 16-bit grey"):
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
    monkeypatch.setattr(simplejpeg, "decode_jpeg", lambda *_: pytest.fail("decoded"))
    with pytest.raises(UnreadableError, match="enormous"):
        decode(bomb_jpeg())


@pytest.mark.parametrize("mark", [b"P5", b"P6"])
def test_pgm_and_ppm_of_12_bits_in_16_are_not_almost_black(mark):
    eight = np.arange(32 * 32 * 3, dtype=np.uint16).reshape(32, 32, 3) % 220
    if mark == b"P5":
        eight = eight[..., :1]
    header = mark + b"\n# by a camera\n32 32\n65535\n"
    data = header + (eight * 16).astype(">u2").tobytes()
    picture = decode_picture(data)
    assert picture.largest == 219 * 16
    assert (picture.pixels == eight).all()
    with pytest.raises(UnreadableError):
        decode_picture(data[:-200])
