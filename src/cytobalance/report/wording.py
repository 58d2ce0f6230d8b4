"""Numbers and lists as the page writes them."""

import math
from typing import Any

from cytobalance.taxonomy import readable

# In the place of an answer that only people can give.
NOT_GIVEN = "not given"
# In the place of limits that can't be had (docs/metrics.md).
NO_INTERVAL = "no interval"


def _is_missing(limit: float | None) -> bool:
    """None in a record that was read, NaN in a gain just worked out."""
    return limit is None or math.isnan(limit)


def percent(value: float | None) -> str:
    """0.8123 -> `81.2 %`; None -> a dash."""
    return "–" if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    """1234 -> `1,234`, 0.123456 -> `0.1235`; None -> `not measured`."""
    if value is None:
        return "not measured"
    whole = isinstance(value, int) or abs(value) >= 1000  # no power of ten
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def mean_count(value: float) -> str:
    """A mean of counts over trials: 1234.0 -> `1,234`, 2.666 -> `2.7`."""
    return f"{value:,.1f}".removesuffix(".0")


def span(low: float | None, high: float | None) -> str:
    """Limits in percent: `[78.0, 84.1]`; `no interval` where there are none."""
    return NO_INTERVAL if _is_missing(low) else f"[{100 * low:.1f}, {100 * high:.1f}]"


def points(value: float) -> str:
    """A difference in points of a hundred, signed: 0.031 -> `+3.1`, -0.02 -> `−2.0`."""
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def point_span(gain: dict[str, float]) -> str:
    """Limits of a difference in points: `[−0.5, +6.7]`; or `no interval`."""
    if _is_missing(gain["low"]):
        return NO_INTERVAL
    return f"[{points(gain['low'])}, {points(gain['high'])}]"


def joint_span(gain: dict[str, float]) -> str:
    """The limits of a gain that hold together with those of the others."""
    return point_span({"low": gain["joint_low"], "high": gain["joint_high"]})


def name_confusion(confusion: dict[str, Any]) -> str:
    """An entry of a record's `top_confusions`: `a taken for b (3 cells, 5.0 % ...)`."""
    label, named = (readable(confusion[key]) for key in ("actual", "predicted"))
    cells, share = mean_count(confusion["cells"]), percent(confusion["share"])
    return f"{label} taken for {named} ({cells} cells, {share} of the class)"


def list_words(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
