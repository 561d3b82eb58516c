"""Mixing: new examples between old ones, and what to do where some classes have few.

    x̃ = λ x_i + (1 − λ) x_j,      ỹ = λ y_i + (1 − λ) y_j

with a partner j for each sample i of a batch, one λ a pair, and y as probabilities of classes or as regression
targets. How λ, j, or the place of the mixture are chosen makes the method::

    from labkit.augment import mixing

    mixed = mixing.Mixup(alpha=1.0, classes=10)(x, y=y, generator=g)         # two layers: draw, and apply
    loss = mixing.soft_cross_entropy(model(mixed.x), mixed.y)

    mixing.mixup(x, partner=j, lambda_=lambda_)                              # the same, with λ and j given
    mixing.CutMix(classes=10)(x, y=y, generator=g)                           # a box of the partner instead
    mixing.CMixup(sigma=0.3)(x, y=targets, generator=g)                      # partners with similar targets
    mixing.SameClass()(x, y=y, generator=g)                                  # partners of the same class
    mixing.smote(x, y, generator=g)                                          # rare classes grown along their neighbours
"""

from labkit.augment.mixing.balance import (
    Resampled,
    balanced_sample,
    class_counts,
    class_weights,
    neighbours,
    oversample,
    smote,
    smote_step,
    undersample,
    with_prior,
)
from labkit.augment.mixing.blend import (
    manifold_mixup,
    mixup,
    one_hot,
    soft_cross_entropy,
    synthetic_classification,
    synthetic_regression,
)
from labkit.augment.mixing.pairs import (
    any_partners,
    beta,
    rebalanced_lambda,
    same_class_partners,
    similar_partners,
    similarity,
)
from labkit.augment.mixing.regions import cutmix, cutmix_boxes, share_kept
from labkit.augment.mixing.transforms import CMixup, CutMix, Mixup, SameClass

__all__ = [
    "CMixup", "CutMix", "Mixup", "Resampled", "SameClass", "any_partners", "balanced_sample", "beta",
    "class_counts", "class_weights", "cutmix", "cutmix_boxes", "manifold_mixup", "mixup", "neighbours", "one_hot",
    "oversample", "rebalanced_lambda", "same_class_partners", "share_kept", "similar_partners", "similarity", "smote",
    "smote_step", "soft_cross_entropy", "synthetic_classification", "synthetic_regression", "undersample", "with_prior",
]  # fmt: skip
