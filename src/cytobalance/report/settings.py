"""Settings of the reporting checklist and of the cards: what no program can know."""

from typing import Annotated

from pydantic import Field

from cytobalance.study.settings import Group

# Free text, which the page and the cards quote.
Words = Annotated[str, Field(min_length=1, max_length=4_000)]


class Card(Group):
    """What only people know of a study; None: reported as not given."""

    intended_use: Words | None = None
    setting: Words | None = None
    subjects: Words | None = None
    acquisition: Words | None = None
    reference_standard: Words | None = None
    ethics: Words | None = None
    protocol: Words | None = None
    funding: Words | None = None
    contact: Words | None = None
    # Of the trained models and the synthetic cells.
    licence: Words | None = None
