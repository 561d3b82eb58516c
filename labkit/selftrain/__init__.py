"""Self-training: a model labels the data that nobody has labelled, and learns from its own labels.

There are labelled examples (X, y) and many more examples X_u without labels. Three families of methods share
one idea: the labels that the model is sure of become targets. It comes from H. Scudder, "Probability of Error of Some
Adaptive Pattern-Recognition Machines" (1965).

``loop``          label the surest examples, move them into the training set, learn again; what "sure" means
``consistency``   label a batch again in every step: pseudo-labels with a ramp, two policies, a teacher that averages
``calibration``   is a model right as often as it is sure? The temperature that makes it so
"""

from labkit.selftrain.calibration import fit_temperature, soften
from labkit.selftrain.consistency import (
    Consistency,
    consistency_loss,
    fixmatch_loss,
    gaussian_ramp,
    linear_ramp,
    pseudo_label_loss,
)
from labkit.selftrain.loop import (
    EstimatorLearner,
    Learner,
    NetworkLearner,
    Round,
    Trace,
    confidence,
    select,
    self_train,
)
from labkit.selftrain.steps import SemiSupervisedBatch, SemiSupervisedBatches, fixmatch, mean_teacher, pseudo_label

__all__ = [
    "Consistency",
    "EstimatorLearner",
    "Learner",
    "NetworkLearner",
    "Round",
    "SemiSupervisedBatch",
    "SemiSupervisedBatches",
    "Trace",
    "confidence",
    "consistency_loss",
    "fit_temperature",
    "fixmatch",
    "fixmatch_loss",
    "gaussian_ramp",
    "linear_ramp",
    "mean_teacher",
    "pseudo_label",
    "pseudo_label_loss",
    "select",
    "self_train",
    "soften",
]
