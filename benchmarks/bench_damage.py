"""How much damage inside JPEG files `decode` sees, and how often it is wrong to.

Takes the real archives where CYTOBALANCE_REAL_DATA (or ../shared/data) has them: every
file as it is, then every file damaged in each way once, between its header and its end.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cytobalance.curation.decode import decode
from cytobalance.sources.archive import open_archive
from cytobalance.sources.members import UnreadableError

ARCHIVES = ("PBC_dataset_normal_DIB.zip", "BM_cytomorphology_data.zip")
STEP = 4  # every fourth file is damaged
SEEN = 8  # grey levels of 255 by which a pixel is wrong
END = b"\xff\xd9"
RANDOM = np.random.default_rng(0)


def main() -> None:
    """Print false alarms, and of each kind of damage how much is refused and unseen."""
    shelf = Path(os.environ.get("CYTOBALANCE_REAL_DATA", "../shared/data"))
    for name in ARCHIVES:
        if not (shelf / name).exists():
            print(f"{name}: not in {shelf}, left out")
            continue
        archive = open_archive(shelf / name)
        files = [archive.read(file) for file in archive.names() if file.endswith("g")]
        alarms = sum(try_decoding(data) is None for data in files)
        print(f"{name}: {alarms} of {len(files)} whole files refused")
        print("  damage                    refused  unseen  over 1 % of pixels wrong")
        for how, damage in DAMAGES.items():
            print_kind(how, damage, files[::STEP])


def print_kind(how: str, damage: Callable[[bytes], bytes], files: list[bytes]) -> None:
    """Damage every file once and print the line of this kind."""
    wrong = []
    refused = 0
    for data in files:
        pixels = try_decoding(damage(data))
        if pixels is None:
            refused += 1
            continue
        whole = decode(data)
        if pixels.shape != whole.shape:
            wrong.append(1.0)
        else:
            off = np.abs(pixels.astype(int) - whole).max(2) > SEEN
            wrong.append(off.mean())
    count = len(files)
    bad = sum(part > 0.01 for part in wrong)
    print(
        f"  {how:24s} {100 * refused / count:7.2f} % {100 * len(wrong) / count:6.2f} % "
        f"{100 * bad / count:6.2f} %"
    )


def try_decoding(data: bytes) -> np.ndarray | None:
    try:
        return decode(data)
    except UnreadableError:
        return None


def find_body(data: bytes) -> int:
    """Where the compressed pixels begin, behind the header of the first scan."""
    at = data.index(b"\xff\xda")
    return at + 2 + int.from_bytes(data[at + 2 : at + 4])


def shorten(data: bytes, part: float) -> bytes:
    start = find_body(data)
    return data[: start + int(part * (len(data) - start))] + END


def zero(data: bytes, part: float) -> bytes:
    start = find_body(data)
    body = len(data) - len(END) - start
    length = max(1, int(part * body))
    at = start + int(RANDOM.integers(body - length + 1))
    return data[:at] + bytes(length) + data[at + length :]


def lose_a_byte(data: bytes) -> bytes:
    at = int(RANDOM.integers(find_body(data), len(data) - len(END)))
    return data[:at] + data[at + 1 :]


def flip_a_bit(data: bytes) -> bytes:
    at = int(RANDOM.integers(find_body(data), len(data) - len(END)))
    return data[:at] + bytes([data[at] ^ 1 << int(RANDOM.integers(8))]) + data[at + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "first half, end mark": lambda data: shorten(data, 0.5),
    "first 97 %, end mark": lambda data: shorten(data, 0.97),
    "a tenth zeroed": lambda data: zero(data, 0.1),
    "a hundredth zeroed": lambda data: zero(data, 0.01),
    "one byte lost": lose_a_byte,
    "one bit flipped": flip_a_bit,
}


if __name__ == "__main__":
    main()
