"""Which code a stage runs, and its fingerprint without comments and docstrings."""

import ast
import hashlib
import io
import re
import tokenize
from collections.abc import Iterable
from functools import cache
from pathlib import Path

# One of Jinja's, with the line end that Jinja drops behind it.
TEMPLATE_COMMENT = re.compile(r"\{#.*?#\}\n?", re.DOTALL)
# Nodes whose first statement may be a docstring.
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def find_code(scripts: Iterable[Path], top: Path) -> list[Path]:
    """The scripts and all modules below `top` that they import, sorted.

    Imports are read from the text, those inside functions too; nothing is run. A module
    that is imported by a name made at run time is not found: name it as a script.
    """
    reached: set[Path] = set()
    waiting = list(scripts)
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        for name in imported_names(path.read_text(encoding="utf-8")):
            module = top / (name.replace(".", "/") + ".py")
            if module.exists():
                waiting.append(module)
    return sorted(reached)


def fingerprint_code(scripts: Iterable[Path], top: Path) -> list[str]:
    """Hash of its statements, 16 hex, and path of each file that `scripts` run."""
    lines = []
    for path in find_code(scripts, top):
        bare = strip_comments(path.read_text(encoding="utf-8"))
        digest = hashlib.sha256(bare.encode()).hexdigest()[:16]
        lines.append(f"{digest} {path.relative_to(top).as_posix()}")
    return lines


def fingerprint_templates(paths: Iterable[Path], top: Path) -> list[str]:
    """The same of Jinja's templates and what they include, without their comments."""
    lines = []
    for path in sorted(paths):
        bare = TEMPLATE_COMMENT.sub("", path.read_text(encoding="utf-8"))
        digest = hashlib.sha256(bare.encode()).hexdigest()[:16]
        lines.append(f"{digest} {path.relative_to(top).as_posix()}")
    return lines


@cache
def strip_comments(source: str) -> str:
    """Python source without comments, docstrings, empty lines and trailing blanks.

    The text of the statements stays as it is, so that every version of Python gives
    the same. Not meant to be run: a body that was a docstring alone is gone.
    """
    tree = ast.parse(source)
    whole = source.split("\n")
    lines = [line.rstrip() for line in whole]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    kept = {row for row, line in enumerate(lines) if line}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr):  # text of several lines
            kept |= set(range(node.lineno, node.end_lineno))
            for row in range(node.lineno - 1, node.end_lineno - 1):
                lines[row] = whole[row]
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            kept -= set(range(node.body[0].lineno - 1, node.body[0].end_lineno))
    return "".join(f"{lines[row]}\n" for row in sorted(kept))


@cache
def imported_names(source: str) -> tuple[str, ...]:
    """Dotted names that Python source imports; those of packages' members as well."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
    return tuple(names)
