"""A choice with a slope: how a generator of text is trained.

    e_k = −log E_k, E_k ~ Exp(1)                        Gumbel noise
    y   = one-hot of argmax_k (l_k + e_k)                a draw from softmax(l), by the Gumbel-max trick
    p   = softmax((l + e) / τ)                           the same draw, softened
    y + p − (p without its gradient)                     has the value y and the slope of p: "straight-through"

A generator of text gives a logit l_k for each letter of the alphabet and must choose one. The choice is a step: its
slope is 0 wherever it has one, so that nothing comes back from D to G. The softened draw has a slope, and for a small τ
it is nearly the choice. E. Jang and others, "Categorical Reparameterization with Gumbel-Softmax" (2017); C. Maddison
and others, "The Concrete Distribution" (2017); for GANs of text: M. Kusner and J. Hernández-Lobato (2016).
"""

import torch

from labkit.logits import relaxed_choice
from labkit.shapes import Float, Tensor


def gumbel_softmax(
    logits: Float[Tensor, " *rest"], *, tau: float = 1.0, generator: torch.Generator | None = None
) -> Float[Tensor, " *rest"]:
    """One-hot draws from the softmax of logits, with the slope of the softened draw.

    Args:
        logits: (…, k), of k choices; any shape in front.
        tau: τ. The smaller, the nearer is the slope to that of the choice, and the more it varies from draw to draw.
        generator: where the Gumbel noise comes from; without one torch's global one.

    Returns:
        (…, k): up to rounding 1 for what is chosen and 0 for the rest.

    Raises:
        ValueError: if there is no choice, or ``tau`` is not above 0.

    >>> logits = torch.tensor([[0.0, 9.0, 0.0]], requires_grad=True)
    >>> choice = gumbel_softmax(logits, generator=torch.Generator().manual_seed(0))
    >>> choice.argmax(1)
    tensor([1])
    >>> choice.requires_grad
    True
    """
    if logits.ndim == 0 or logits.shape[-1] == 0 or not logits.is_floating_point():
        raise ValueError(f"logits are {logits.dtype} with shape {tuple(logits.shape)}; expected floats (…, k)")
    if not tau > 0:
        raise ValueError(f"tau is {tau}; expected a number above 0")
    source = generator.device if generator is not None else logits.device
    exponential = torch.empty(logits.shape, dtype=logits.dtype, device=source).exponential_(generator=generator)
    noise = -exponential.log().to(logits.device)
    return relaxed_choice(logits + noise, temperature=tau)
