"""Domain adaptation: one domain has labels, the other has none, and the features should not tell the two apart.

    min over f, g   max over q      L_y(g(f(x)), y) − λ L_d(q(f(x)), q(f(z)))

``schedule``    λ_p and μ_p as training goes from p = 0 to 1
``losses``      the discriminator's loss; CDAN's conditioning; MMD and CORAL, which need no discriminator
``steps``       source only, DANN and CDAN, alignment by a distance; batches of both domains
``networks``    the paper's network for digits
``distance``    proxy A-distance: how well can the domains be told apart?
``statistics``  batch normalisation with the target's statistics
``select``      reverse validation: choosing without target labels
"""

from labkit.domain.distance import a_distance, proxy_a_distance
from labkit.domain.losses import coral, domain_loss, entropy_weights, mmd, multilinear_map
from labkit.domain.networks import DigitNet, domain_discriminator
from labkit.domain.schedule import anneal_lr, lambda_schedule, lr_decay, progress
from labkit.domain.select import Choice, choose_lambda, reverse_validation_risk
from labkit.domain.statistics import adapt_batch_norm
from labkit.domain.steps import DomainBatches, alignment_step, dann, source_only

__all__ = [
    "Choice",
    "DigitNet",
    "DomainBatches",
    "a_distance",
    "adapt_batch_norm",
    "alignment_step",
    "anneal_lr",
    "choose_lambda",
    "coral",
    "dann",
    "domain_discriminator",
    "domain_loss",
    "entropy_weights",
    "lambda_schedule",
    "lr_decay",
    "mmd",
    "multilinear_map",
    "progress",
    "proxy_a_distance",
    "reverse_validation_risk",
    "source_only",
]
