"""The way of the data as a diagram: files, what was left out, cells, parts, classes."""

import textwrap
from dataclasses import dataclass, field

from cytobalance.report.card_facts import DataFacts
from cytobalance.taxonomy import readable

# Units of the drawing, which a telephone of 360 pixels shows about one to one.
WIDTH, LINE, PAD = 336, 17, 8
MOST = 46  # characters of a line beside an arrow
PARTS = {"train": "training", "validation": "validation", "test": "test"}
ENDS = {"train": 190, "validation": 270, "test": WIDTH - PAD}  # of their columns
STAGES = {
    "ingest": "when read",
    "relabel": "by experts",
    "dedup": "as copies",
    "merge": "of no class here",
}


@dataclass(frozen=True)
class Text:
    """A line of text; anchor: `start`, `middle` or `end`."""

    x: float
    y: float
    words: str
    anchor: str = "start"
    strong: bool = False


@dataclass
class Flow:
    """A drawing: boxes (x, y, w, h), lines (x1, y1, x2, y2, arrow), texts.

    sentences: the same in words, a sentence a step.
    """

    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    lines: list[tuple[float, float, float, float, bool]] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    height: float = 1
    width: float = WIDTH


def draw_flow(facts: DataFacts) -> Flow:
    """Draw the way of the cells under `heldout`, from archives to parts and classes."""
    flow = Flow()
    files, dataset = facts.dataset["files"], facts.dataset
    count = len(facts.sources)
    first = f"{files['total']:,} files or rows of {count} source{'s' * (count > 1)}"
    _box(flow, [first, *(f"{s.name}: {s.files:,}" for s in facts.sources)])
    flow.sentences.append(first)
    left_out = [
        f"{sum(reasons.values()):,} left out {STAGES.get(stage, stage)}: "
        + "; ".join(f"{reason}\N{NO-BREAK SPACE}{n:,}" for reason, n in reasons.items())
        for stage, reasons in dataset["rejected"].items()
        if reasons
    ]
    _arrow(flow, left_out or ["none left out"])
    second = f"{files['kept']:,} cells of {len(facts.classes)} classes"
    groups = f"in {dataset['groups']:,} groups"
    _box(flow, [second, groups])
    flow.sentences.append(f"{second}, {groups}")
    thinned = int(facts.parts["thinned"].sum())
    dealt = ["dealt in whole groups"]
    if thinned:
        dealt.append(f"{thinned:,} training cells left out, to make classes rare")
    _arrow(flow, dealt)
    _draw_parts(flow, facts)
    return flow


def _box(flow: Flow, lines: list[str]) -> None:
    """A box as wide as the drawing, its first line strong."""
    top = flow.height
    height = LINE * len(lines) + 2 * PAD - 3
    flow.boxes.append((1, top, WIDTH - 2, height))
    for i, words in enumerate(lines):
        y = top + PAD + LINE * (i + 0.7)
        flow.texts.append(Text(WIDTH / 2, y, _cut(words, MOST), "middle", i == 0))
    flow.height = top + height


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def _arrow(flow: Flow, notes: list[str]) -> None:
    """An arrow down, with notes beside it."""
    flow.sentences += notes
    top = flow.height
    lines = [line for note in notes for line in textwrap.wrap(note, MOST)]
    flow.height = top + LINE * len(lines) + 2 * PAD
    flow.lines.append((14, top, 14, flow.height, True))
    for i, line in enumerate(lines):
        flow.texts.append(Text(26, top + PAD + LINE * (i + 0.7), line))


def _draw_parts(flow: Flow, facts: DataFacts) -> None:
    """A box a part, and below them the cells of each class in it."""
    counts = facts.parts
    top = flow.height
    height = 3 * LINE + PAD  # of the heading
    bottom = top + height + LINE * len(counts) + PAD
    flow.boxes.append((1, top, WIDTH - 2, bottom - top))
    flow.lines.append((1, top + height, WIDTH - 1, top + height, False))
    for i, words in enumerate(("", "cells", "groups")):
        flow.texts.append(Text(PAD, top + (i + 0.9) * LINE, words))
    for i, label in enumerate(counts.index):
        y = top + (i + 4.5) * LINE
        flow.texts.append(Text(PAD, y, _cut(readable(label), 21)))
    for part, name in PARTS.items():
        total, groups = int(counts[part].sum()), facts.groups.get(part, 0)
        for i, words in enumerate((name, f"{total:,}", f"{groups:,}")):
            y = top + (i + 0.9) * LINE
            flow.texts.append(Text(ENDS[part], y, words, "end", i < 2))
        for i, label in enumerate(counts.index):
            n = f"{int(counts.loc[label, part]):,}"
            flow.texts.append(Text(ENDS[part], top + (i + 4.5) * LINE, n, "end"))
        flow.sentences.append(f"{name}: {total:,} cells in {groups:,} groups")
    flow.height = bottom + 1
