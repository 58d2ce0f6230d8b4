"""What the last run of each stage took here: seconds and peak memory.

The stages note it in `.cache`, outside of DVC's graph: no two runs take the same time,
and two runs from scratch must give one dvc.lock. `make cost` makes a file of it.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cytobalance.study import places
from cytobalance.study.runtime import atomic_file, count_cores

# Stage -> matrix values, joined by hyphens (or "") -> record.
Costs = dict[str, dict[str, dict[str, Any]]]
# What ru_maxrss counts in.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_remarks: list[str] = []


def remark(text: str) -> None:
    """Say of this process's cost what a reader must know, as what it leaves out."""
    _remarks.append(text)


@contextmanager
def measure(stage: str, words: Sequence[str]) -> Iterator[None]:
    """Note what the block takes as the cost of `stage`, run with `words`.

    Seconds are without the start of Python; of several processes that `torchrun`
    started the first speaks: its processor seconds and memory, GPU seconds of all.
    Nothing is noted where the block fails, or of a program that is no stage. A cost
    that can't be written is no error: the stage is done.
    """
    wall, processor = time.monotonic(), _processor_seconds()
    yield
    values = [w.split("=")[-1] for w in words if "=" in w or not w.startswith("--")]
    inputs = fingerprint_inputs(stage, values)
    if not inputs:
        return
    wall = time.monotonic() - wall
    processor = _processor_seconds() - processor
    record = _describe(wall, processor) | {"inputs": inputs}
    try:
        _note(stage, places.key(*values), record)
    except OSError as error:
        print(f"cost not noted in {places.COSTS}: {error.strerror}")


def fingerprint_inputs(stage: str, values: Sequence[str]) -> str:
    """Hash of the settings and code of a stage and item, 12 hex; "" of no stage."""
    for start in range(len(values) + 1):  # a stage's file is of some of the values
        path = places.STAGES / f"{places.key(stage, *values[start:])}.yaml"
        if path.is_file():
            return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return ""


def read_costs(path: Path) -> Costs:
    """The costs at `path`; {} where there are none that can be read."""
    try:
        costs = json.loads(path.read_text(encoding="utf-8"))
        return {stage: dict(items) for stage, items in costs.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_costs(path: Path, costs: Costs) -> None:
    """Write costs as JSON, a line a record, sorted by stage and item."""
    lines = []
    for stage, items in sorted(costs.items()):
        rows = (f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(items.items()))
        lines.append(f" {json.dumps(stage)}: {{\n" + ",\n".join(rows) + "\n }")
    with atomic_file(path) as partial:
        partial.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _processor_seconds() -> float:
    """Of this process, and of its children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _peak_memory() -> int:
    """Most bytes that this process, or one of its children, held at once."""
    stage, child = (
        resource.getrusage(who).ru_maxrss * _RSS_UNIT
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    with suppress(OSError):  # on Linux ru_maxrss begins with the parent's, DVC's
        status = Path("/proc/self/status").read_text()
        stage = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
    return max(stage, child)


def _describe(wall: float, processor: float) -> dict[str, Any]:
    record = {
        "wall_s": round(wall, 1),
        "cpu_s": round(processor, 1),
        "gpu_s": 0.0,
        "host_mb": round(_peak_memory() / 1e6),
        "gpu_mb": 0,
        "device": f"{platform.machine()}, {count_cores()} cores",
    }
    torch = sys.modules.get("torch")  # never loaded for this
    if torch is not None and torch.cuda.is_initialized():
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        name = torch.cuda.get_device_name()
        record |= {
            "gpu_s": round(wall * processes, 1),
            "gpu_mb": round(torch.cuda.max_memory_reserved() / 1e6),
            "device": f"{processes} x {name}" if processes > 1 else name,
        }
    return record | ({"remark": "; ".join(_remarks)} if _remarks else {})


def _note(stage: str, item: str, record: dict[str, Any]) -> None:
    """Put one record among the costs; stages of one folder may run side by side."""
    lock = places.COSTS.with_suffix(".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        with suppress(OSError):  # a disk without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        costs = read_costs(places.COSTS)
        costs.setdefault(stage, {})[item] = record
        write_costs(places.COSTS, costs)
