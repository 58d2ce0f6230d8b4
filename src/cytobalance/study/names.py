"""Names as systems write them: `é` as one character, or as a letter and an accent.

macOS writes the second form (NFD) into zips and folders, all others the first (NFC):
names are compared in the first, and kept as they stand.
"""

import unicodedata
from collections.abc import Iterable
from pathlib import Path


def compose(name: str) -> str:
    """`name` with each accent joined to its letter (Unicode's NFC), to compare it."""
    return unicodedata.normalize("NFC", name)


class Names:
    """Finds a name as it stands, whatever its accents and the blanks around it."""

    def __init__(self, names: Iterable[str]):
        self._as_they_stand = set(names)
        self._alike: dict[str, set[str]] = {}
        for name in self._as_they_stand:
            self._alike.setdefault(compose(name.strip()), set()).add(name)

    def find(self, *spellings: str) -> str | None:
        """The name that the first fitting spelling means; None where none fits.

        A spelling that stands nowhere as it is, and means two names, fits none.
        """
        for text in spellings:
            if text in self._as_they_stand:
                return text
            alike = self._alike.get(compose(text.strip()), set())
            if len(alike) == 1:
                return next(iter(alike))
        return None


def find_path(folder: Path, name: str) -> Path:
    """The file or folder `name` in `folder`, whichever way its accents are written.

    The path as given where there is none.
    """
    held = Names(path.name for path in folder.iterdir()) if folder.is_dir() else None
    return folder / ((held and held.find(name)) or name)
