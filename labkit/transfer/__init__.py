"""Transfer: what is carried over from a source to a target, in every form that the taxonomy has a name for.

``setting``      domains, tasks, and the name of the setting: Pan and Yang's definitions as code
``weights``      instances: importance weights by a classifier of domains, effective sample size
``matching``     instances: KLIEP, kernel mean matching
``ensembles``    instances and learners: TrAdaBoost; source learners re-weighted by a few target samples
``learners``     least squares, logistic regression and stumps that take weights
``sharing``      parameters: hard and soft sharing
``features``     features: CORAL, subspace alignment (asymmetric); TCA, Daumé (symmetric)
``relational``   relations: distances and angles, names by relations, gaps filled by relations
``selftaught``   self-taught learning: sparse codes of unlabelled other data
``alignment``    other feature spaces: least squares, Procrustes, CSLS between two languages
``crossmodal``   other modalities: CCA, a model of one that teaches a model of the other
``corpus``, ``words``, ``vectors``    Word2Vec and GloVe, their analogies, and a classifier of texts
"""

from labkit.transfer.alignment import (
    cosines,
    csls,
    least_squares_map,
    mutual_neighbours,
    normalize_vectors,
    precision_at,
    procrustes,
    refine_map,
)
from labkit.transfer.corpus import (
    Corpus,
    Vocabulary,
    cooccurrences,
    keep_probability,
    noise_distribution,
    pmi_vectors,
    skipgram_pairs,
    tokenize,
)
from labkit.transfer.crossmodal import CCA, cca, cross_modal_step, distillation_loss
from labkit.transfer.ensembles import TrAdaBoost, ensemble_weights, mix, tradaboost
from labkit.transfer.features import augment_features, coral_map, principal_axes, subspace_alignment, tca
from labkit.transfer.learners import Stump, least_squares, logistic_regression, polynomial, stump
from labkit.transfer.matching import gaussian_kernel, kernel_mean_matching, kliep, median_distance, mixture_shares
from labkit.transfer.relational import (
    angle_relations,
    distance_relations,
    fill_by_relations,
    match_by_relations,
    relational_loss,
)
from labkit.transfer.selftaught import learn_dictionary, sparse_codes, sparse_objective
from labkit.transfer.setting import Domain, Problem, Setting, Task, compare
from labkit.transfer.sharing import MultiTask, multi_task_step, soft_sharing, soft_sharing_step
from labkit.transfer.vectors import BagOfVectors, WordVectors, load_vectors
from labkit.transfer.weights import (
    classifier_weights,
    clip_weights,
    domain_classifier,
    effective_sample_size,
    flatten_weights,
    gaussian_ratio,
    importance_weights,
)
from labkit.transfer.words import (
    SkipGram,
    glove_loss,
    glove_weight,
    sgns_loss,
    sgns_optimum,
    skipgram_step,
    train_glove,
    train_skipgram,
)

__all__ = [
    "CCA",
    "BagOfVectors",
    "Corpus",
    "Domain",
    "MultiTask",
    "Problem",
    "Setting",
    "SkipGram",
    "Stump",
    "Task",
    "TrAdaBoost",
    "Vocabulary",
    "WordVectors",
    "angle_relations",
    "augment_features",
    "cca",
    "classifier_weights",
    "clip_weights",
    "compare",
    "cooccurrences",
    "coral_map",
    "cosines",
    "cross_modal_step",
    "csls",
    "distance_relations",
    "distillation_loss",
    "domain_classifier",
    "effective_sample_size",
    "ensemble_weights",
    "fill_by_relations",
    "flatten_weights",
    "gaussian_kernel",
    "gaussian_ratio",
    "glove_loss",
    "glove_weight",
    "importance_weights",
    "keep_probability",
    "kernel_mean_matching",
    "kliep",
    "learn_dictionary",
    "least_squares",
    "least_squares_map",
    "load_vectors",
    "logistic_regression",
    "match_by_relations",
    "median_distance",
    "mix",
    "mixture_shares",
    "multi_task_step",
    "mutual_neighbours",
    "noise_distribution",
    "normalize_vectors",
    "pmi_vectors",
    "polynomial",
    "precision_at",
    "principal_axes",
    "procrustes",
    "refine_map",
    "relational_loss",
    "sgns_loss",
    "sgns_optimum",
    "skipgram_pairs",
    "skipgram_step",
    "soft_sharing",
    "soft_sharing_step",
    "sparse_codes",
    "sparse_objective",
    "stump",
    "subspace_alignment",
    "tca",
    "tokenize",
    "tradaboost",
    "train_glove",
    "train_skipgram",
]
