"""Temperature scaling: logits z become z / T; T > 0 is the number that makes held-back labels likeliest.

    p = softmax(z / T),     T = argmin_T −1/n Σ_i log p_i[y_i]

No prediction changes, only how sure the model is: T > 1 for a model that is too sure of itself. Source: Guo, Pleiss,
Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017), section 4.2.
"""

import torch
from torch import Tensor
from torch.nn import functional

from labkit.logits import two_logits
from labkit.shapes import Labels, Logits, finite, labels, readable

LOWEST, HIGHEST = 1e-2, 1e2
STEPS = 60  # halvings: log T is then known to the last digits of float64


def soften(logits: Logits, *, temperature: float | Tensor) -> Logits:
    """Probabilities at a temperature: ``softmax(logits / temperature)``.

    Raises:
        ValueError: if a temperature is not above 0.
    """
    t = torch.as_tensor(temperature)
    if readable(t) and not bool((t > 0).all()):
        raise ValueError(f"temperature is {temperature}; expected a number above 0")
    return functional.softmax(logits / temperature, dim=1)


def fit_temperature(logits: Logits, y: Labels) -> Tensor:
    """The temperature at which the labels ``y`` are likeliest: a scalar, from 0.01 to 100.

    The loss is convex in β = 1/T. Its slope is the mean logit under p minus the logit of the label:
    dL/dβ = E_p[z] − z_y, averaged over samples. T is where the slope changes sign; halving an interval finds it.

    Args:
        logits: the logits of held-back samples, which the model was not trained on.
        y: their true classes.

    Raises:
        ValueError: if there are no samples, a logit is not finite, or a label is no class.
    """
    if len(y) == 0:
        raise ValueError("there are no samples; expected held-back logits with their labels")
    z = two_logits(finite(logits.detach(), name="a logit")).double()
    target = z.gather(1, labels(y, len(z), classes=z.shape[1])[:, None]).mean()
    low, high = (torch.full_like(target, 1 / bound).log() for bound in (HIGHEST, LOWEST))
    for _ in range(STEPS):
        middle = (low + high) / 2
        expected = (functional.softmax(z * middle.exp(), dim=1) * z).sum(1).mean()
        low, high = torch.where(expected < target, middle, low), torch.where(expected < target, high, middle)
    return (-(low + high) / 2).exp().to(logits.dtype)
