"""The last cells that a GAN in training drew, from its saved state, as a picture."""

from pathlib import Path

from PIL import Image

from cytobalance.draw.montage import montage
from cytobalance.study import places
from cytobalance.study.runtime import atomic_file

FOLDER = Path(".cache/watch")


def draw_last(key: str) -> tuple[Path, int] | None:
    """Draw a row a class from the newest state of the GAN `key` (protocol and GAN).

    Returns the picture and the iteration; None without a state, or where it vanishes
    while it is read. A state that was drawn is not read again.
    """
    try:
        states = [(p.stat().st_mtime_ns, p) for p in _states(key)]
        if not states:
            return None
        time, state = max(states)
        drawn = sorted(FOLDER.glob(f"{key}-{time}-*.png"))
        if drawn:
            return drawn[0], int(drawn[0].stem.split("-")[-1])
        return _draw(key, time, state)
    except (OSError, ValueError, KeyError, RuntimeError, EOFError):
        return None


def _states(key: str) -> list[Path]:
    return list(places.GAN_STATES.glob(f"{key}-*.pt"))


def _draw(key: str, time: int, state: Path) -> tuple[Path, int] | None:
    import torch  # slow to import

    # Mapped: of a large file little more than the drawings is read.
    saved = torch.load(state, map_location="cpu", mmap=True, weights_only=True)
    drawings = saved["drawings"]
    if not drawings:
        return None
    moment = max(drawings)
    cells = drawings[moment].numpy()
    for old in FOLDER.glob(f"{key}-*.png"):
        old.unlink(missing_ok=True)
    path = FOLDER / f"{key}-{time}-{moment}.png"
    with atomic_file(path) as partial:
        sheet = montage(cells.reshape(-1, *cells.shape[2:]), cells.shape[1])
        Image.fromarray(sheet).save(partial)
    return path, moment
