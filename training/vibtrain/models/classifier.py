"""The fault classifier: a forest on differences from the healthy baseline, exact in 16-bit integers.

Whether a window is healthy is the anomaly score's to say; the forest tells faults apart, and knows no healthy windows
unless there is one fault only."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.utils.class_weight import compute_sample_weight

from vibtrain.features.config import ClassifierChoice

Int16 = npt.NDArray[np.int16]
Forest = TypeVar("Forest")
Classifier: TypeAlias = RandomForestClassifier | ExtraTreesClassifier
KINDS = {"random-forest": RandomForestClassifier, "extra-trees": ExtraTreesClassifier}


def fit_forest(X: Int16, y: npt.NDArray[np.int64], choice: ClassifierChoice) -> Classifier:
    """A forest whose thresholds are whole numbers t, tested as x < t; y: class indexes, each class of equal weight.

    Of class 0 no window need be there: scikit-learn numbers the classes that it sees, so one without weight stands in.

    scikit-learn tests x <= threshold on floats, emlearn's C tests x < int(threshold) (emlearn 0.23.2 trees.py). With
    threshold = floor + 1 both say the same of every whole number, when scikit-learn is asked through `votes`.
    """
    weights = compute_sample_weight("balanced", y)
    if 0 not in y:
        X, y, weights = np.vstack([X, X[:1]]), np.append(y, 0), np.append(weights, 0.0)
    forest: Classifier = KINDS[choice.kind](
        n_estimators=choice.trees,
        criterion="entropy",
        max_depth=choice.depth,
        min_samples_leaf=choice.least_leaf,
        random_state=choice.seed,
    )
    forest.fit(X, y, sample_weight=weights)
    return forest


def convertible(forest: Forest) -> Forest:
    """The forest, of any kind, with every threshold raised to floor + 1, in place, as its C needs; see `fit_forest`."""
    for tree in forest.estimators_:  # type: ignore[attr-defined]
        inner = tree.tree_.children_left >= 0
        tree.tree_.threshold[inner] = np.floor(tree.tree_.threshold[inner]) + 1
    return forest


def votes(forest: Classifier, X: Int16) -> npt.NDArray[np.int64]:
    """Class that most trees name, the lower index where two are even: the device's rule, in scikit-learn's words.

    Ask before `convertible`, which changes the thresholds. scikit-learn's own `predict` averages the leaves' shares
    instead; that takes floats on the device and is not what runs there.
    """
    counts = np.zeros((len(X), forest.n_classes_), np.int64)
    for tree in forest.estimators_:
        counts[np.arange(len(X)), tree.predict(X).astype(int)] += 1
    return np.asarray(counts.argmax(axis=1))
