"""Membership attacks: was this example in the training set of that model?

A record (x, y) either was among the n training examples (a member) or comes from the same source and was not. An attack
gives a score s, higher for what is more likely a member, and guesses "member" where s ≥ τ. It succeeds as far as the
model treats what it learned from otherwise than what it has never seen: "overfitting is a privacy breach".

``scores``           from a model's logits: confidence, loss (Yeom), the logit-scaled confidence; the bounds
``measure``          ROC, AUC with its interval, advantage, true positives at few false ones, precision a class
``stacked``          many networks trained at once with ``torch.func``: what attacks by shadow models live on
``shadow_training``  the same in one call, together where that is faster
``shadow``           Shokri's attack models, one a class; ``lira``: Carlini's likelihood ratio, on line and off line
``generative``       against a GAN: by its discriminator, by one's own, by the nearest sample
``private``          DP-SGD: per-sample gradients, clipping, noise; ``accountant``: what ε that is
"""

from labkit.membership.accountant import epsilon
from labkit.membership.generative import (
    discriminator_loss,
    discriminator_scores,
    nearest_sample_scores,
    own_discriminator,
)
from labkit.membership.lira import lira, lira_offline
from labkit.membership.measure import (
    Assessment,
    GuessMetrics,
    Roc,
    advantage,
    assess,
    auc_interval,
    evaluate_guesses,
    precision_by_class,
    roc,
)
from labkit.membership.private import (
    PoissonBatches,
    clip,
    gradient_norms,
    per_sample_gradients,
    private_gradient,
    private_step,
)
from labkit.membership.scores import (
    bounded_loss_attack,
    confidence,
    dp_bound,
    gap_attack,
    loss,
    loss_attack,
    scaled_confidence,
    threshold_attack,
    yeom_advantage,
)
from labkit.membership.shadow import ShadowAttack, shadow_attack
from labkit.membership.shadow_training import stacking_is_faster, train_networks
from labkit.membership.stacked import MemberBatches, StackedModels, paired_halves, stacked_step, subsets

__all__ = [
    "Assessment",
    "GuessMetrics",
    "MemberBatches",
    "PoissonBatches",
    "Roc",
    "ShadowAttack",
    "StackedModels",
    "advantage",
    "assess",
    "auc_interval",
    "bounded_loss_attack",
    "clip",
    "confidence",
    "discriminator_loss",
    "discriminator_scores",
    "dp_bound",
    "epsilon",
    "evaluate_guesses",
    "gap_attack",
    "gradient_norms",
    "lira",
    "lira_offline",
    "loss",
    "loss_attack",
    "nearest_sample_scores",
    "own_discriminator",
    "paired_halves",
    "per_sample_gradients",
    "precision_by_class",
    "private_gradient",
    "private_step",
    "roc",
    "scaled_confidence",
    "shadow_attack",
    "stacked_step",
    "stacking_is_faster",
    "subsets",
    "threshold_attack",
    "train_networks",
    "yeom_advantage",
]
