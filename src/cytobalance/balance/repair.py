"""The exact search for a deal of groups, where no random one serves every class."""

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from cytobalance.study.runtime import StudyError

# Nodes of the exact search at most: a bound that no clock moves. It is far above what
# real groups take, and keeps a riddle made to be hard from hanging the stage.
NODES = 100_000


def repair_deal(
    dealt: np.ndarray,
    counts: np.ndarray,
    legal: np.ndarray,
    classes: tuple[str, ...],
    names: tuple[str, ...],
) -> np.ndarray:
    """A deal with every class in every part, and the fewest groups moved from `dealt`.

    dealt: int [G], part of each group; counts: cells [G, C]; legal: bool [G, parts];
    names: of the parts. Returns int [G]. Groups of the same classes and legal parts are
    one kind, and the search chooses how many of each kind each part gets. Raises
    StudyError where no deal exists.
    """
    traits = np.hstack([counts > 0, legal])
    patterns, pattern = np.unique(traits, axis=0, return_inverse=True)
    now = np.zeros((len(patterns), len(names)))
    np.add.at(now, (pattern, dealt), 1)
    solution = _search(now, patterns[:, : len(classes)], patterns[:, len(classes) :])
    if solution.x is None:
        held = np.stack([counts[dealt == p].sum(0) for p in range(len(names))])
        part, label = np.argwhere(held == 0)[0]
        raise StudyError(
            f"class {classes[label]}: no deal of whole groups "
            f"{'exists' if solution.status == 2 else 'was found'} that gives it "
            f"{names[part]} cells and every other class cells of every part, since "
            "groups hold several classes or keep a published part; add cells of other "
            "subjects, leave the class out of merge.classes, or let groups of a "
            "published split go anywhere (hold_out.published: ignore)"
        )
    goal = solution.x[: now.size].round().astype(int).reshape(now.shape)
    repaired = dealt.copy()
    for at in range(len(patterns)):
        members = np.flatnonzero(pattern == at)
        homeless = []
        for part in range(len(names)):
            homeless.extend(members[dealt[members] == part][goal[at, part] :])
        lacking = np.maximum(goal[at] - now[at].astype(int), 0)
        repaired[homeless] = np.repeat(np.arange(len(names)), lacking)
    return repaired


def _search(now: np.ndarray, has: np.ndarray, open_to: np.ndarray) -> OptimizeResult:
    """The integer program: as few groups as possible change their part.

    now: groups of each kind in each part [K, parts]; has: classes of each kind [K, C];
    open_to: legal parts of each kind [K, parts]. `x` starts with the new [K, parts].
    """
    # Variables: groups of each kind in each part, then those that came new to it.
    size, (patterns, parts) = now.size, now.shape
    each, none = sparse.eye_array(size), np.full(size, np.inf)
    whole = sparse.kron(sparse.eye_array(patterns), np.ones((1, parts)))
    served = sparse.kron(has.T.astype(float), sparse.eye_array(parts))
    return milp(
        np.repeat([0.0, 1.0], size),
        integrality=np.ones(2 * size),
        bounds=Bounds(0, np.append(np.where(open_to, np.inf, 0), none)),
        constraints=[
            LinearConstraint(_widen(whole), now.sum(1), now.sum(1)),
            LinearConstraint(_widen(served), 1),
            LinearConstraint(sparse.hstack([each, -each]), ub=now.ravel()),
        ],
        options={"node_limit": NODES},
    )


def _widen(matrix: sparse.sparray) -> sparse.sparray:
    """The matrix with as many columns of zeros behind it."""
    return sparse.hstack([matrix, sparse.csr_array(matrix.shape)])
