"""Anonymisation and how it fails: tables, ratings, and synthetic data in their place.

``tables``      k-anonymity, l-diversity, and the generalisation that reaches them
``release``     pseudonyms, sampling, perturbation; what an adversary knows; right and false claims
``attack``      Scoreboard-RH: a few ratings find their person
``synthetic``   samples of a model instead of the data: what they are good for, and what they give away
"""

from labkit.linkage.attack import (
    Claims,
    Columns,
    Known,
    bits,
    columns,
    decide,
    dense_scores,
    link,
    posterior,
    scores,
    weights,
)
from labkit.linkage.release import (
    Rates,
    Release,
    disclose,
    know,
    perturb,
    pseudonymise,
    rates,
    sample_ratings,
)
from labkit.linkage.synthetic import Factors, copies, nearest
from labkit.linkage.tables import Boxes, group_sizes, groups, k_anonymity, l_diversity, mondrian

__all__ = [
    "Boxes",
    "Claims",
    "Columns",
    "Factors",
    "Known",
    "Rates",
    "Release",
    "bits",
    "columns",
    "copies",
    "decide",
    "dense_scores",
    "disclose",
    "group_sizes",
    "groups",
    "k_anonymity",
    "know",
    "l_diversity",
    "link",
    "mondrian",
    "nearest",
    "perturb",
    "posterior",
    "pseudonymise",
    "rates",
    "sample_ratings",
    "scores",
    "weights",
]
