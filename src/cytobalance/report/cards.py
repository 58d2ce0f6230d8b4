"""Cards in Markdown: what every one is made of, and the files of a study's cards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cytobalance.report.markdown import escape, front_matter, heading, tabulate
from cytobalance.report.wording import NOT_GIVEN

WARNING = "Not for diagnosis."


@dataclass(frozen=True)
class Chapter:
    """A part of a card. rows: (question, answer); table: (header, rows)."""

    title: str
    rows: Sequence[tuple[str, str | None]] = ()
    table: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None
    code: str = ""


def write_card(
    about: dict[str, Any], title: str, lead: str, chapters: Sequence[Chapter]
) -> str:
    """A card as Markdown. about: its front matter; a missing answer is `not given`."""
    parts = [front_matter(about), heading(1, title), escape(lead)]
    for chapter in chapters:
        parts.append(heading(2, chapter.title))
        if chapter.rows:
            parts.append(
                "\n".join(
                    f"- **{escape(question)}:** {escape(answer or NOT_GIVEN)}"
                    for question, answer in chapter.rows
                )
            )
        if chapter.code:
            parts.append(f"```sh\n{chapter.code}\n```")
        if chapter.table:
            parts.append(tabulate(*chapter.table))
    return "\n\n".join(parts) + "\n"


def licence_of(text: str | None) -> dict[str, str]:
    """Front matter of a licence in free words; none where it is not given."""
    return {"license": "other", "license_name": text} if text else {}
