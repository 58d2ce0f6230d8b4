"""The class that each cell type joins."""

import pandas as pd


def name_classes(types: pd.Series, classes: dict[str, tuple[str, ...]]) -> pd.Series:
    """The class of each type; a type of no class stands for itself, as `type <name>`.

    classes: class -> types.
    """
    class_of = {kind: label for label, kinds in classes.items() for kind in kinds}
    return types.map(lambda kind: class_of.get(kind, f"type {kind}"))
