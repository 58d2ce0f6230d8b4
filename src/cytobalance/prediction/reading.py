"""New image files, read as `ingest` reads those of a study, a batch at a time."""

import io
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from cytobalance.curation.decode import crop_centre, decode_picture, shrink
from cytobalance.curation.pixels import UNCLEAR_BITS, find_depth
from cytobalance.prediction.files import File
from cytobalance.sources.members import UnreadableError
from cytobalance.study.runtime import count_cores

# Files in memory at a time, shrunk.
BATCH = 256
# Files that wait for a core, whole.
WAITING = 4


@dataclass(frozen=True)
class Batch:
    """N files: images uint8 [n, S, S, 3] of the n that can be read, in order.

    reasons: one a file, empty where it can be read; thumbnails: JPEG of each image, or
    none at all.
    """

    files: list[File]
    images: np.ndarray
    reasons: list[str]
    thumbnails: list[bytes]

    @property
    def read(self) -> list[File]:
        """The files that can be read, those of `images`."""
        pairs = zip(self.files, self.reasons, strict=True)
        return [file for file, reason in pairs if not reason]


@dataclass(frozen=True)
class Reader:
    """How files are read: the facts of the source that they are like.

    facts: as of `cytobalance.study.inputs`; size: pixels a side of the images;
    thumbnail: of the JPEG pictures, 0 for none.
    """

    facts: dict[str, Any]
    size: int
    thumbnail: int = 0

    def read_batches(self, files: list[File]) -> Iterator[Batch]:
        """Batches of at most BATCH files, decoded on all cores.

        Of no files it is one empty batch: its table still has a header.
        """
        with ThreadPoolExecutor(count_cores()) as pool:
            for start in range(0, len(files) or 1, BATCH):
                batch = files[start : start + BATCH]
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # decoders' chatter
                    results = list(self._decode_all(pool, batch))
                read = [r for r in results if not isinstance(r, str)]
                images = np.empty((len(read), self.size, self.size, 3), np.uint8)
                for k, (image, _) in enumerate(read):
                    images[k] = image
                reasons = [r if isinstance(r, str) else "" for r in results]
                pictures = [picture for _, picture in read if picture]
                yield Batch(batch, images, reasons, pictures)

    def _decode_all(self, pool: ThreadPoolExecutor, files: list[File]) -> Iterator:
        """Results in order. Archives are read here, in order, and by no two threads."""
        waiting = deque()
        for file in files:
            data = fetch(file) if file.packed else None
            waiting.append(pool.submit(self._try, file, data))
            if len(waiting) > WAITING * count_cores():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _try(self, file: File, data: bytes | str | None):
        """An image and its JPEG, or the reason why there is none."""
        data = fetch(file) if data is None else data
        if isinstance(data, str):
            return data
        try:
            return self.decode(data)
        except UnreadableError as error:
            return str(error)

    def decode(self, data: bytes) -> tuple[np.ndarray, bytes]:
        """A file's cell as `ingest` takes it in: uint8 [size, size, 3]; its JPEG.

        Raises UnreadableError with the reason.
        """
        picture = decode_picture(data, self.facts["depth"])
        check_depth(picture.largest, self.facts["depth"])
        pixels = crop_centre(picture.pixels, self.facts["crop"])
        jpeg = encode_jpeg(shrink(pixels, self.thumbnail)) if self.thumbnail else b""
        return shrink(pixels, self.size), jpeg


def fetch(file: File) -> bytes | str:
    """The bytes of a file, or the reason why there are none."""
    if file.reason:
        return file.reason
    try:
        return file.archive.read_member(file.member)
    except UnreadableError as error:
        return str(error)


def encode_jpeg(pixels: np.ndarray) -> bytes:
    """Pixels uint8 [H, W, 3] as a small JPEG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="jpeg", quality=80)
    return stream.getvalue()


def check_depth(largest: int, depth: int) -> None:
    """Refuse 16-bit samples whose brightness can't be told from the source's depth.

    largest: as of a Picture, 0 for files that say their depth; depth: bits of the
    source, 0 where it had no such files.
    """
    if largest and not depth:
        reason = "of which training had none"
    elif largest >> depth:
        reason = f"of {depth} bits in training"
    elif largest and depth - find_depth(largest) >= UNCLEAR_BITS:
        reason = f"far darker than the {depth} bits of training"
    else:
        return
    raise UnreadableError(
        f"bits in use unclear: 16-bit samples up to {largest}, {reason}; save it with "
        "8 bits"
    )
