"""Make a dvc.lock whole again that DVC, killed while writing it, left cut short."""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from voluptuous import Invalid

# A script sees the modules beside it; the library is beside the stages.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cytobalance.study.runtime import atomic_file, run_stage

LOCK = Path("dvc.lock")
# The last one that was sound before a run.
COPY = Path(".cache/dvc.lock")
# What DVC notes of running commands, in place too.
NOTES = Path(".dvc/tmp/rwlock")


def main() -> None:
    """Mend dvc.lock where that is needed, and keep a copy of it as it then is."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    mend_notes()
    if not LOCK.exists():
        return
    text = LOCK.read_text(encoding="utf-8", errors="replace")
    if read_stages(text) is None:
        # An entry is what DVC saw of one stage: any sound one is as good as ever, and
        # DVC reruns what it does not describe any more.
        kept = save_entries(text)
        copy = read_stages(COPY.read_text(encoding="utf-8")) if COPY.exists() else {}
        stages = (read_stages(ask_git()) or {}) | (copy or {}) | kept
        with atomic_file(LOCK) as partial:
            whole = {"schema": "2.0", "stages": stages}
            dumped = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
            partial.write_text(dumped, encoding="utf-8")
        print(
            f"dvc.lock was cut short, as by a kill of DVC: mended, {len(kept)} stages "
            f"from what is left of it and {len(stages) - len(kept)} from before"
        )
    COPY.parent.mkdir(exist_ok=True)
    with atomic_file(COPY) as partial:
        shutil.copyfile(LOCK, partial)


def mend_notes() -> None:
    """Remove the notes where they are cut short: DVC takes their absence for none."""
    try:
        json.loads(NOTES.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except ValueError:
        NOTES.unlink()
        print(f"{NOTES} was cut short, as by a kill of DVC: removed")


def read_stages(text: str) -> dict | None:
    """The stages of a dvc.lock; None where it is cut short or DVC would refuse it."""
    if not text.endswith("\n"):
        return None
    try:
        lock = yaml.safe_load(text)
        COMPILED_LOCKFILE_SCHEMA(lock)
    except (yaml.YAMLError, Invalid, ValueError):
        return None
    return lock.get("stages", {})


def save_entries(text: str) -> dict:
    """The whole entries of a dvc.lock that is cut short: all before the last one."""
    lines = text.splitlines()
    while lines:
        last = lines.pop()
        starts = last.startswith("  ") and last[2:3] not in ("", " ", "-")
        if starts and (stages := read_stages("\n".join([*lines, ""]))) is not None:
            return stages
    return {}


def ask_git() -> str:
    """dvc.lock as it was last committed; empty where it never was."""
    command = ["git", "show", f"HEAD:./{LOCK}"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


if __name__ == "__main__":
    run_stage(main)
