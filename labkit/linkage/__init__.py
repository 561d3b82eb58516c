"""Anonymisation and how it fails: tables, ratings, and synthetic data in their place.

``tables``      k-anonymity, l-diversity, and the generalisation that reaches them
``release``     pseudonyms, sampling, perturbation; what an adversary knows; right and false claims
``attack``      Scoreboard-RH: a few ratings find their person
``synthetic``   samples of a model instead of the data: what they are good for, and what they give away
"""

from labkit.linkage.attack import (
    AuxiliaryInfo,
    Matches,
    RatingsByFilm,
    dense_scores,
    eccentricity_test,
    entropy_in_bits,
    film_weights,
    link,
    posterior,
    scores,
    sort_by_film,
)
from labkit.linkage.release import (
    AttackRates,
    Release,
    attack_rates,
    disclosed_stars,
    perturb,
    pseudonymise,
    sample_auxiliary_info,
    sample_ratings,
)
from labkit.linkage.synthetic import Factors, copies, distance_to_closest_record
from labkit.linkage.tables import GeneralisedTable, group_sizes, groups, k_anonymity, l_diversity, mondrian

__all__ = [
    "AttackRates",
    "AuxiliaryInfo",
    "Factors",
    "GeneralisedTable",
    "Matches",
    "RatingsByFilm",
    "Release",
    "attack_rates",
    "copies",
    "dense_scores",
    "disclosed_stars",
    "distance_to_closest_record",
    "eccentricity_test",
    "entropy_in_bits",
    "film_weights",
    "group_sizes",
    "groups",
    "k_anonymity",
    "l_diversity",
    "link",
    "mondrian",
    "perturb",
    "posterior",
    "pseudonymise",
    "sample_auxiliary_info",
    "sample_ratings",
    "scores",
    "sort_by_film",
]
