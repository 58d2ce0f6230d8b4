"""Words of the report that need explaining, its limits, and how to cite it."""

GLOSSARY = {
    "balanced accuracy": (
        "the share of cells named rightly, worked out class by class and averaged: a "
        "rare class counts as much as a common one. The same as macro recall."
    ),
    "recall (sensitivity) of a class": (
        "of the cells that are of this class, the share that is named so."
    ),
    "specificity of a class": (
        "of the cells that are not of this class, the share that is not named so. "
        "With many classes it is close to 100 % for any classifier."
    ),
    "precision of a class": (
        "of the cells named so, the share that is right; 0 where none is named so."
    ),
    "F1": "one number from precision and recall: their harmonic mean.",
    "accuracy of a class": (
        "the share of all cells rightly put into the class or out of it."
    ),
    "AUROC": (
        "the chance that a cell of the class gets a higher probability of it than a "
        "cell of another class."
    ),
    "interval": (
        "the range of values that fit the data at the study's confidence: it covers "
        "the choice of patients and cells for the test, and the chance in training. "
        "Those of recall and specificity of a class cover the choice of patients and "
        "cells alone."
    ),
    "gain": (
        "score with balancing minus score without, on the same test cells; one point "
        "is one of a hundred."
    ),
    "helped, hurt": "the whole interval of the gain lies above 0, below 0.",
    "did not help": (
        "the interval holds 0 and ends below 2 points: a gain worth having is ruled "
        "out."
    ),
    "no difference shown": (
        "the interval holds 0 and larger gains too: this test set is too small to "
        "tell. It does not say that there is no difference."
    ),
    "rare classes": (
        "the third of the classes with the fewest training cells before balancing."
    ),
    "optimism": (
        "score under protocol “paper” minus score under “heldout”, over the classes "
        "with test cells under both."
    ),
    "calibration error (ECE)": (
        "the mean gap between confidence and the share that is right; 0 is perfect."
    ),
    "TSTR, TRTR": (
        "train on synthetic, test on real: what a classifier that saw synthetic cells "
        "alone scores on real test cells; beside it one that saw real cells alone. The "
        "gap is what the synthetic cells fail to teach."
    ),
    "memorised": (
        "the share of synthetic cells that lie as near to one single training cell as "
        "few held-out real cells do; about 5 % is chance."
    ),
    "trial": "one independent training from another random start.",
    "trials together": (
        "all trials as one classifier, which averages their probabilities. Its "
        "interval covers the choice of patients and cells for the test alone: it is "
        "about these trained networks, and not about training them anew."
    ),
}
CAVEATS = (
    "Several balancers are compared with no balancing, each at the study's confidence. "
    "The more are tried, the likelier one seems to help or hurt by chance.",
    "Trials are few; the interval takes their spread into account, but two trials tell "
    "little of it. One tells nothing, so there is no verdict then.",
    "Sources without patient ids count each cell as a patient of its own, save copies; "
    "their intervals are too narrow by what a patient's cells have in common.",
    "Under protocol “paper” each synthetic test cell counts as a patient of its own, "
    "though it may be made from another test cell: intervals there are too narrow.",
    "The best balancer, shown in the galleries, is picked by its test score, which "
    "flatters it a little.",
)
CITATION = (
    "Cite the method that was used: Hazra, Byun, Kim, Computer Methods and Programs in "
    "Biomedicine (2022) for C-WGAN-GP and its protocol; Gungor, MSc thesis, National "
    "College of Ireland (2023) for the comparison of balancing techniques; and this "
    "software by its name, cytobalance, with the version of its repository."
)
