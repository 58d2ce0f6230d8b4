"""The parts of a self-contained HTML page: inline style, embedded pictures, tables."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from PIL import Image

STYLE = """
:root { --ink: #1f2933; --quiet: #5b6673; --rule: #d5dbe1; --soft: #f4f6f8; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 0 1rem 4rem; color: var(--ink);
  background: #fff; font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1.6rem 0 .3rem; }
h2 { font-size: 1.25rem; margin: 3rem 0 .4rem; padding-top: .9rem;
  border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
p, ul, dl { margin: .5rem 0 .8rem; max-width: 44rem; }
.quiet { color: var(--quiet); font-size: .9rem; }
.banner { background: #fff3d6; border: 1px solid #e0b04c; color: #6b3b00;
  padding: .5rem .9rem; border-radius: 0 0 6px 6px; font-weight: 600;
  position: sticky; top: 0; z-index: 2; }
.answer { background: var(--soft); border-left: 5px solid #0072b2; border-radius: 4px;
  padding: .9rem 1.2rem; margin: 1rem 0; }
.answer .lead { font-size: 1.25rem; line-height: 1.35; font-weight: 650;
  margin-top: 0; } .answer p, .answer ul { max-width: none; }
.wide { overflow-x: auto; margin: .6rem 0; }
.wide img { min-width: 40rem; }
img { max-width: 100%; height: auto; display: block; }
figure { margin: .6rem 0 1.2rem; }
figcaption { color: var(--quiet); font-size: .88rem; max-width: 44rem;
  margin-top: .35rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums;
  font-size: .9rem; margin: .4rem 0; }
th, td { padding: .32rem .7rem; border-bottom: 1px solid var(--rule);
  text-align: right; white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; background: var(--soft);
  white-space: normal; }
th:first-child, td:first-child { text-align: left; }
td.text, th.text { text-align: left; white-space: normal; min-width: 13rem; }
td.text small { display: inline-block; line-height: 1.3; }
.answer li { margin-bottom: .45rem; } .answer small { color: var(--quiet); }
td small { color: var(--quiet); font-size: .82em; }
.pair { display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); }
.cells { display: grid; gap: .9rem;
  grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); }
.cells figure, .misses figure { margin: 0; }
.cells img, .misses img { width: 100%; image-rendering: pixelated;
  border-radius: 4px; }
.cells figcaption { font-size: .8rem; line-height: 1.3; }
.misses { display: grid; gap: .9rem;
  grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }
.misses figure { display: grid; grid-template-columns: 6rem 1fr; gap: .8rem;
  align-items: center; }
.misses figcaption { margin: 0; font-size: .82rem; color: var(--ink); }
.bar { background: var(--soft); height: .7rem; border-radius: 2px; margin-bottom: .4rem;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.bar i { display: block; height: 100%; border-radius: 2px; }
.bar .wrong { background: #d55e00; } .bar .true { background: #009e73; }
.chip { border-radius: 9px; padding: .05rem .55rem; font-size: .84rem; color: #fff;
  background: #6b7785; white-space: nowrap; }
.chip.helped, .chip.better { background: #00734f; }
.chip.hurt, .chip.worse { background: #b03a00; }
.chip.did-not-help, .chip.no-better { background: #3f4a57; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; }
nav a { margin-right: .9rem; white-space: nowrap; } a { color: #005a8d; }
@media print { body { max-width: none; font-size: 11px; } .banner { position: static; }
  .wide { overflow: visible; } .wide img { min-width: 0; } nav { display: none; }
  details::details-content { content-visibility: visible; display: block; }
  figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } }
@media (max-width: 30rem) { th, td { padding: .3rem .45rem; } }
"""


def write_page(title: str, banner: str, body: Iterable[str]) -> str:
    """A whole page; `banner` (empty: none) stays in sight while scrolling."""
    strip = f'<div class="banner">{escape(banner)}</div>' if banner else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{strip}\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def heading(text: str, anchor: str) -> str:
    """A section's title that the contents can point to."""
    return f'<h2 id="{anchor}">{escape(text)}</h2>'


def paragraph(text: str, kind: str = "") -> str:
    """Text, escaped, as a paragraph of class `kind`."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], text: Sequence[int] = ()
) -> str:
    """A table that scrolls sideways where a screen is narrow.

    Header is text; cells are HTML already. text: columns of running text.
    """

    def line(tag: str, cells: Sequence[str]) -> str:
        kinds = [' class="text"' if i in text else "" for i in range(len(cells))]
        inner = (
            f"<{tag}{kind}>{cell}</{tag}>"
            for kind, cell in zip(kinds, cells, strict=True)
        )
        return "<tr>" + "".join(inner) + "</tr>"

    head = line("th", [escape(cell) for cell in header])
    body = "\n".join(line("td", row) for row in rows)
    return (
        f'<div class="wide"><table><thead>{head}</thead>\n<tbody>{body}</tbody>'
        "</table></div>"
    )


def picture(png: bytes, alt: str, caption: str = "", wide: bool = True) -> str:
    """A PNG inside the page; a wide one scrolls sideways on a narrow screen."""
    image = f'<img alt="{escape(alt)}" src="{_data_uri(png)}">'
    if wide:
        image = f'<div class="wide">{image}</div>'
    note = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{image}{note}</figure>"


def cell_picture(image: np.ndarray, alt: str, caption: str) -> str:
    """One cell, uint8 [H, W, 3], its pixels enlarged sharply; caption is HTML."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, format="png")
    source = _data_uri(stream.getvalue())
    return (
        f'<figure><img alt="{escape(alt)}" src="{source}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def chip(word: str) -> str:
    """A verdict as a coloured label."""
    return f'<span class="chip {word.replace(" ", "-")}">{escape(word)}</span>'


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
