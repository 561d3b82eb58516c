"""Learned augmentation: transformations whose numbers are trained, and policies that are searched.

    a network with a code   x̃ = T_φ(x, z),  z ~ N(0, I)            deck 002: "a random transformation code"
    what trains φ           not the training loss (it prefers no change), nor its negative (it destroys all), but
                            a validation loss through a step of training, or a teacher
    a policy                π over operations; REINFORCE (deck 003), a relaxation, or no search at all

``operations``     AutoAugment's operations with one meaning of magnitude; straight-through gradients
``policies``       RandAugment, TrivialAugment, sub-policies, and random ones as controls
``networks``       the deck's augmentation network: colour and geometry, conditioned on a code
``hypergradient``  the gradient of a validation loss through steps of training
``widths``         Augerino: one width that learns
``teacher``        TeachAugment's step
``reinforce``      REINFORCE with a baseline, the exact gradient, an agent
``world``          an environment whose children cost milliseconds
``relaxed``        Gumbel-softmax over operations
"""

from labkit.learned.hypergradient import (
    Hypergradient,
    darts_hypergradient,
    loss_with,
    unrolled_hypergradient,
    weights_of,
)
from labkit.learned.networks import AugmentationNetwork, ColourNet, GeometryNet, triangle_wave
from labkit.learned.operations import (
    OPERATIONS,
    RANDAUGMENT,
    SIGNED,
    apply_operations,
    auto_contrast,
    strength,
)
from labkit.learned.policies import OneOperation, RandAugment, SubPolicies, random_subpolicies
from labkit.learned.reinforce import Agent, SearchStep, exact_policy_gradient, reinforce_loss
from labkit.learned.relaxed import gumbel_softmax, relaxed_operations
from labkit.learned.teacher import TeachStep, teach_loss
from labkit.learned.widths import LearnedWidth, augerino_step, turned, width_of
from labkit.learned.world import PolicyWorld, kernel_ridge
from labkit.logits import straight_through

__all__ = [
    "OPERATIONS",
    "RANDAUGMENT",
    "SIGNED",
    "Agent",
    "AugmentationNetwork",
    "ColourNet",
    "GeometryNet",
    "Hypergradient",
    "LearnedWidth",
    "OneOperation",
    "PolicyWorld",
    "RandAugment",
    "SearchStep",
    "SubPolicies",
    "TeachStep",
    "apply_operations",
    "augerino_step",
    "auto_contrast",
    "darts_hypergradient",
    "exact_policy_gradient",
    "gumbel_softmax",
    "kernel_ridge",
    "loss_with",
    "random_subpolicies",
    "reinforce_loss",
    "relaxed_operations",
    "straight_through",
    "strength",
    "teach_loss",
    "triangle_wave",
    "turned",
    "unrolled_hypergradient",
    "weights_of",
    "width_of",
]  # fmt: skip
