"""Numbers that the two papers print, table by table, as they stand there."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PublishedTable:
    """One table of a paper, and which of our numbers stand beside it.

    of: what a row is, by its name in a study: a GAN; a classifier that learned from
    `recipe`; or a recipe. columns: headings of the printed numbers. rows: the study's
    name -> the printed numbers, None where the paper has none. ours: key of our score
    (published_tables.py, SCORES) -> its heading. notes: what a reader must know of the
    printed numbers; "derived" marks what follows from them.
    """

    title: str
    of: Literal["gan", "classifier", "recipe"]
    columns: tuple[str, ...]
    rows: dict[str, tuple[float | None, ...]]
    ours: dict[str, str]
    recipe: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Paper:
    """A paper's tables; cells, split: what it was measured on, and how, in words."""

    name: str
    cells: str
    split: str
    tables: tuple[PublishedTable, ...]


_MACRO = {
    "balanced_accuracy": "recall, %",
    "macro_f1": "F1, %",
    "macro_specificity": "specificity, %",
    "macro_precision": "precision, %",
}
_SPECIFICITY = (
    "Derived: with twelve equally frequent classes the macro average of one class "
    "against the rest is 1 − (1 − recall) / 11, so 99 % for a recall of 90 %. The "
    "printed specificity is of another definition."
)
# Recall, F1, specificity, precision: Hazra 2022, Tables 8 and 9.
_ORIGINAL = {
    "sequential_cnn": (90.48, 89.11, 89.97, 90.72),
    "vgg19": (65.88, 63.11, 77.55, 64.15),
    "resnet50": (79.18, 81.26, 81.14, 78.37),
    "inception_v3": (82.72, 80.31, 85.11, 81.02),
    "xception": (82.37, 80.17, 84.26, 81.11),
    "efficientnet": (86.33, 84.22, 88.46, 85.03),
    "logistic_regression": (78.25, 74.53, 82.40, 77.29),
    "naive_bayes": (74.11, 74.74, 77.65, 74.93),
    "svm": (86.72, 85.44, 91.30, 85.47),
    "random_forest": (79.15, 81.33, 83.21, 79.46),
}
_BALANCED = {
    "sequential_cnn": (96.55, 96.01, 95.10, 96.93),
    "vgg19": (70.23, 65.86, 81.36, 69.80),
    "resnet50": (82.38, 83.67, 84.16, 83.45),
    "inception_v3": (86.01, 84.99, 87.23, 85.10),
    "xception": (85.56, 83.10, 86.17, 83.99),
    "efficientnet": (88.91, 87.19, 91.10, 88.56),
    "logistic_regression": (82.13, 82.66, 84.31, 82.18),
    "naive_bayes": (77.01, 77.33, 79.77, 77.60),
    "svm": (90.71, 88.33, 92.30, 89.91),
    "random_forest": (83.56, 84.73, 85.07, 83.55),
}
_ACCURACIES = {
    "train_accuracy": "accuracy, training, %",
    "validation_accuracy": "accuracy, validation, %",
    "accuracy": "accuracy, test, %",
}

HAZRA = Paper(
    "Hazra 2022",
    "33,177 real cells of 12 classes, 128 pixels a side, brought to 10,000 a class",
    "The paper balanced before it split, as protocol “paper” does.",
    (
        PublishedTable(
            "Table 6: cells of the GANs",
            "gan",
            ("FID", "precision, %", "F1, %", "recall, %", "LPIPS", "IS"),
            {
                "c_wgan_gp": (60.33, 97.10, 96.16, 96.99, 0.23, 14.52),
                "cwgan_gp": (77.57, 88.15, 88.10, 88.67, 0.38, 8.23),
                "acgan": (64.36, 94.33, 93.42, 93.67, 0.25, 11.32),
                "infogan": (75.44, 90.23, 88.36, 89.91, 0.35, 9.22),
                "dcgan": (78.91, 87.36, 87.16, 88.11, 0.40, 8.01),
                "cgan": (71.02, 93.65, 92.55, 93.03, 0.31, 10.59),
            },
            {
                "fid": "FID",
                "label_precision": "precision, %",
                "label_f1": "F1, %",
                "label_recall": "recall, %",
                "lpips": "LPIPS",
                "is_mean": "IS",
            },
            notes=(
                "Derived: an IS of 14.52 is that of a network with more than 12 "
                "classes. FID and IS can be compared only where `assess.features` is "
                "inception.",
            ),
        ),
        PublishedTable(
            "Table 7: likeness of the GANs' cells to real ones",
            "gan",
            ("PSNR", "SSIM", "l1, %", "l2, %"),
            {
                "c_wgan_gp": (38.01, 0.9714, 8.7, 3.8),
                "cwgan_gp": (31.22, 0.8956, 13.9, 6.3),
                "acgan": (33.46, 0.9012, 13.7, 6.1),
                "infogan": (30.22, 0.9288, 11.6, 5.8),
                "dcgan": (31.42, 0.9260, 12.8, 6.3),
                "cgan": (30.22, 0.9400, 13.9, 6.5),
            },
            {"psnr": "PSNR", "ssim": "SSIM", "l1": "l1, %", "l2": "l2, %"},
            notes=(
                "The paper does not say which real cell a synthetic one is compared "
                "with. Here it is the nearest training cell of the class.",
            ),
        ),
        PublishedTable(
            "Table 8: classifiers on the original data",
            "classifier",
            tuple(_MACRO.values()),
            _ORIGINAL,
            _MACRO,
            recipe="plain",
            notes=(_SPECIFICITY,),
        ),
        PublishedTable(
            "Table 9: classifiers on the balanced data",
            "classifier",
            tuple(_MACRO.values()),
            _BALANCED,
            _MACRO,
            recipe="c_wgan_gp",
            notes=(_SPECIFICITY,),
        ),
        PublishedTable(
            "Section 3.2: training, validation and test on the balanced data",
            "recipe",
            tuple(_ACCURACIES.values()),
            {"c_wgan_gp": (98.83, 98.42, 96.98)},
            _ACCURACIES,
            notes=("The paper's sequential CNN.",),
        ),
    ),
)

GUNGOR = Paper(
    "Gungor 2023",
    "C-NMC 2019, 10,661 real cells of 2 classes, cropped to 210 pixels a side",
    "The thesis does not say when it split: its counts of training images contradict "
    "each other.",
    (
        PublishedTable(
            "Sections 4.3 to 4.8: five ways to balance",
            "recipe",
            (
                "accuracy, training, %",
                "accuracy, validation, %",
                "sensitivity, training, %",
                "specificity, training, %",
            ),
            {
                "plain": (None, None, None, None),
                "dcgan": (99, 91, 99, 99),
                "adasyn": (96, 94, 89, 84),
                "weighted": (99, 95, 89, 84),
                "augmented": (100, None, None, None),
            },
            {
                **_ACCURACIES,
                "sensitivity": "sensitivity, test, %",
                "specificity": "specificity, test, %",
            },
            notes=(
                "The headline, 99.5 % sensitivity, specificity and accuracy of DC-GAN, "
                "counts 16,352 images (FN 34, FP 7, TP 8,142, TN 8,169): "
                "training images, synthetic ones among them. It prints no score on "
                "test cells.",
                "Derived: by validation its order is weighted 95 %, ADASYN 94 %, "
                "DC-GAN 91 %, the reverse of its conclusion.",
                "Derived: the confusion matrix of ADASYN (FN 1,377, FP 124, TP 10,093, "
                "TN 11,346) gives a sensitivity of 88.0 % and a specificity of 98.9 %, "
                "not the printed 84 %. It is printed again, with its scores, for "
                "weighted sampling.",
            ),
        ),
    ),
)

# study.paper -> the paper that the study rebuilds.
PAPERS = {"hazra2022": HAZRA, "gungor2023": GUNGOR}
