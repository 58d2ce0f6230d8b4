"""The class that each cell type joins."""

import pandas as pd


def name_classes(types: pd.Series, classes: dict[str, tuple[str, ...]]) -> pd.Series:
    """The class of each type; a type of no class stands for itself, as `type <name>`.

    classes: class -> types.
    """
    class_of = {name: label for label, names in classes.items() for name in names}
    return types.map(lambda name: class_of.get(name, f"type {name}"))
