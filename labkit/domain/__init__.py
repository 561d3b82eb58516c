"""Domain adaptation: labels in one domain, none in the other, and features that can't tell which is which.

    min over f, g   max over q      L_y(g(f(x)), y) − λ L_d(q(f(x)), q(f(z)))

``schedule``    λ_p and μ_p as training goes from p = 0 to 1
``losses``      the critic's loss; CDAN's conditioning; MMD and CORAL, which need no critic
``steps``       source only, DANN and CDAN, alignment by a distance; batches of both domains
``networks``    the paper's network for digits
``distance``    proxy A-distance: are the domains told apart?
``select``      reverse validation: choosing without target labels
"""

from labkit.domain.distance import a_distance, proxy_a_distance
from labkit.domain.losses import certainty, conditioned, coral, domain_loss, mmd
from labkit.domain.networks import DigitNet, critic
from labkit.domain.schedule import annealed, decay, progress, ramp
from labkit.domain.select import reverse_risk
from labkit.domain.steps import Pairs, aligned, dann, source_only

__all__ = [
    "DigitNet",
    "Pairs",
    "a_distance",
    "aligned",
    "annealed",
    "certainty",
    "conditioned",
    "coral",
    "critic",
    "dann",
    "decay",
    "domain_loss",
    "mmd",
    "progress",
    "proxy_a_distance",
    "ramp",
    "reverse_risk",
    "source_only",
]
