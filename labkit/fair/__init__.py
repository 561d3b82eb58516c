"""Adversarially fair representations: h = f(x) from which an adversary cannot tell the group a.

    min over f, g   max over q      L_y(g(f(x)), y) − λ L_a(q(f(x)), a)

``gaps``        what "treated unequally" can mean, and what can't be had at once
``adversary``   what the adversary sees under each of these meanings, and its losses
``steps``       three ways to train: alternating, by gradient reversal, by projection
``probe``       a fresh adversary on the finished representation: what is really gone?
"""

from labkit.fair.adversary import CRITERIA, LOSSES, adversary_input, adversary_loss, cell_mean, cells, decision_leak
from labkit.fair.gaps import (
    Gaps,
    gaps,
    implied_false_positive_rate,
    least_error,
    odds_gap,
    opportunity_gap,
    parity_gap,
    selection_rates,
)
from labkit.fair.probe import Probe, probe
from labkit.fair.steps import (
    DecisionAdversary,
    adversarial_debiasing,
    alternating_step,
    debiased_gradient,
    reversal_step,
)

__all__ = [
    "CRITERIA",
    "LOSSES",
    "DecisionAdversary",
    "Gaps",
    "Probe",
    "adversarial_debiasing",
    "adversary_input",
    "adversary_loss",
    "alternating_step",
    "cell_mean",
    "cells",
    "debiased_gradient",
    "decision_leak",
    "gaps",
    "implied_false_positive_rate",
    "least_error",
    "odds_gap",
    "opportunity_gap",
    "parity_gap",
    "probe",
    "reversal_step",
    "selection_rates",
]
