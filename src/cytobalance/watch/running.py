"""Which stages run in this folder, and how far each says it is."""

import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cytobalance.study import places
from cytobalance.watch.graph import ALWAYS


@dataclass(frozen=True)
class Running:
    """A stage that runs. seconds: since it began; count: its note, {} without one."""

    step: str
    seconds: float
    count: dict[str, Any]


def find_running(steps: Collection[str]) -> list[Running]:
    """Every stage whose process is alive, the oldest first."""
    found = []
    for path in _list(places.LOCKS):
        step = name_step(path.name)
        if (step in steps or step == ALWAYS) and (pid := _read_pid(path)):
            began = _began(pid, step.split("@")[0])
            if began:
                seconds = max(0.0, time.time() - began)
                found.append(Running(step, seconds, _read_count(path.name, pid)))
    return sorted(found, key=lambda running: -running.seconds)


def find_last(steps: Collection[str]) -> tuple[str, float] | None:
    """The step that began last, and when (seconds since 1970); None without one."""
    times = {}
    for path in _list(places.LOCKS):
        if (step := name_step(path.name)) in steps:
            try:
                times[step] = path.stat().st_mtime
            except OSError:  # gone meanwhile
                continue
    return max(times.items(), key=lambda item: item[1], default=None)


def name_step(lock: str) -> str:
    """The step of a lock's file: `split-protocol-paper-balancer-x` -> `split@paper-x`.

    `hold_stage` names it by the stage's words.
    """
    stage, *words = lock.split("-")
    values = words[1::2]
    return f"{stage}@{places.key(*values)}" if values and stage != ALWAYS else stage


def dvc_runs() -> bool:
    """Whether a DVC works in this folder: between two stages it hashes and copies."""
    here = str(Path.cwd())
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if any(Path(word).name == "dvc" for word in words[:2]) and (
                {"repro", "exp"} & set(words) and process.cwd() == here
            ):
                return True
        except (psutil.Error, OSError):  # ended, or another user's
            continue
    return False


def _list(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _read_pid(path: Path) -> int | None:
    try:
        return int(path.read_text().strip())
    except (OSError, ValueError):
        return None


def _began(pid: int, stage: str) -> float | None:
    """When the stage's process began; None where it has ended.

    Its number may be another program's by now.
    """
    try:
        process = psutil.Process(pid)
        script = any(Path(word).name == f"{stage}.py" for word in process.cmdline())
        here = process.cwd() == str(Path.cwd())
        return process.create_time() if script and here else None
    except (psutil.Error, OSError):
        return None


def _read_count(name: str, pid: int) -> dict[str, Any]:
    try:
        text = (places.PROGRESS / f"{name}.json").read_text(encoding="utf-8")
        count = json.loads(text)
        return count if count["pid"] == pid else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
