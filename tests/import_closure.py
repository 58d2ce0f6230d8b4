"""Which of the project's files a script imports, directly or through others."""

import ast
from pathlib import Path

REGISTRY = "src/cytobalance/generators/registry.py"
MODELS = "src/cytobalance/generators/gans"


def import_closure(script: Path, root: Path) -> set[str]:
    """Paths below `root` of the script and all modules of ours that it imports.

    Package `__init__.py` files hold a docstring alone and are left out. The registry of
    GANs imports the one asked for: what any of them imports counts, and they
    themselves stand as `${item.gan}.py`.
    """
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        if path == root / REGISTRY:
            waiting += sorted((root / MODELS).glob("[a-z]*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in _imported(node):
                module = root / "src" / (name.replace(".", "/") + ".py")
                if module.exists():
                    waiting.append(module)
    return {_name(path, root) for path in found}


def _name(path: Path, root: Path) -> str:
    own = path.parent == root / MODELS
    name = path.with_name("${item.gan}.py") if own else path
    return name.relative_to(root).as_posix()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
    return []
