"""What is seen of a running study, in words: runs now, done, remains, time left."""

import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from cytobalance.study import places
from cytobalance.study.cost import Costs, read_costs
from cytobalance.watch.drawings import draw_last
from cytobalance.watch.graph import ALWAYS, find_done, read_graph
from cytobalance.watch.running import Running, dvc_runs, find_last, find_running


@dataclass(frozen=True)
class Sight:
    """A look at a study.

    steps, done: of the whole graph; running: what runs now; between: whether DVC works
    and no stage does; last: the step that began last, and when. costs: what stages took
    before. drawn: running GAN's step -> its picture and the iteration of that.
    """

    steps: tuple[str, ...]
    done: frozenset[str]
    running: tuple[Running, ...]
    between: bool
    last: tuple[str, float] | None
    costs: Costs
    drawn: dict[str, tuple[str, int]]


def look() -> Sight:
    """Look at the study in this folder; OSError or ValueError as `read_graph`."""
    graph = read_graph()
    running = tuple(find_running(graph.steps))
    kept, noted = read_costs(places.COST), read_costs(places.COSTS)
    costs = {s: kept.get(s, {}) | noted.get(s, {}) for s in {*kept, *noted}}
    gans = [r.step for r in running if r.step.startswith("train_gan@")]
    drawn = {step: draw_last(step.split("@")[1]) for step in gans}
    return Sight(
        steps=tuple(graph.steps),
        done=frozenset(find_done(graph) - {r.step for r in running}),
        running=running,
        between=not running and dvc_runs(),
        last=find_last(graph.steps),
        costs=costs,
        drawn={step: (str(d[0]), d[1]) for step, d in drawn.items() if d},
    )


def describe(sight: Sight) -> str:
    """The look as lines of text."""
    active = {running.step for running in sight.running}
    remaining = [s for s in sight.steps if s not in sight.done and s not in active]
    lines = []
    for running in sight.running:
        lines += _describe_running(running, sight)
    if not sight.running:
        lines.append(_describe_rest(sight))
    lines.append(f"done     {_count(sight.done, sight)}")
    lines.append(f"remains  {_count(remaining, sight)}")
    if active or sight.between:
        lines.append(f"left     {estimate_left(remaining, sight)}")
    return "\n".join(lines)


def _describe_running(running: Running, sight: Sight) -> list[str]:
    known = cost_of(running.step, sight.costs)
    if known is None:
        usual = "it has not run here before"
    else:
        usual = f"it took {in_words(known)} before"
    lines = [f"running  {running.step}, for {in_words(running.seconds)}; {usual}"]
    if count := running.count:
        lines.append(f"         {describe_count(count)}")
        if count["losses"]:
            lines.append(f"         {count['losses']}")
    if running.step in sight.drawn:
        path, moment = sight.drawn[running.step]
        lines.append(f"         cells of each class, iteration {moment}: {path}")
    elif running.step.startswith("train_gan@"):
        lines.append("         no cells to show yet: a state is saved every 2 minutes")
    return lines


def describe_count(count: dict) -> str:
    """`training the GAN: 62 of 100 iterations, about 30 s left of these`."""
    of = f" of {count['total']:,}" if count["total"] else ""
    text = f"{count['desc']}: {count['done']:,}{of} {count['unit']}"
    left = count_left(count)
    return text if left is None else f"{text}, about {in_words(left)} left of these"


def _describe_rest(sight: Sight) -> str:
    if sight.between:
        return "running  DVC, between two stages: it hashes and copies files"
    if sight.last is None:
        return "nothing runs now, and nothing has run here before"
    step, began = sight.last
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(began))
    ended = "" if step in sight.done else ", and is not done"
    return f"nothing runs now; last: {step}, which began {when}{ended}"


def _count(steps: Collection[str], sight: Sight) -> str:
    """`3 of 40: survey, split (2)`."""
    kinds = Counter(step.split("@")[0] for step in sight.steps if step in steps)
    repeated = {s.split("@")[0] for s in sight.steps if "@" in s}
    names = [f"{kind} ({n})" if kind in repeated else kind for kind, n in kinds.items()]
    told = f": {', '.join(names)}" if names else ""
    return f"{len(steps)} of {len(sight.steps)}{told}"


def cost_of(step: str, costs: Costs) -> float | None:
    """Seconds that a step, or the mean of its like, took here before; None: unknown."""
    stage, _, item = step.partition("@")
    known = costs.get(stage, {})
    seconds = [
        record["wall_s"]
        for record in ([known[item]] if item in known else known.values())
        if isinstance(record, dict) and isinstance(record.get("wall_s"), int | float)
    ]
    return sum(seconds) / len(seconds) if seconds else None


def estimate_left(remaining: Collection[str], sight: Sight) -> str:
    """Time left, as if one stage ran after the other, and stages of unknown time."""
    costs = {step: cost_of(step, sight.costs) for step in remaining}
    seconds = sum(cost for cost in costs.values() if cost is not None)
    unknown = [step for step, cost in costs.items() if cost is None]
    for running in sight.running:
        known = cost_of(running.step, sight.costs)
        rest = count_left(running.count) if known is None else known - running.seconds
        if rest is None and running.step != ALWAYS:
            unknown.append(running.step)
        seconds += max(0.0, rest or 0)
    if unknown and not seconds:
        return "unknown: none of these stages has run here before"
    more = f", and {len(unknown)} of unknown time" if unknown else ""
    return f"about {in_words(seconds)}{more}"


def count_left(count: dict) -> float | None:
    """Seconds until a stage's count is full; None where it doesn't tell."""
    if not count or not count["total"] or not count["rate"]:
        return None
    return (count["total"] - count["done"]) / count["rate"]


def in_words(seconds: float) -> str:
    """`45 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
