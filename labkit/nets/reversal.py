"""The gradient reversal layer of domain-adversarial networks, a function that reports a false derivative.

    R(x) = x,      dR/dx = -scale · I

Ganin and Lempitsky, "Unsupervised Domain Adaptation by Backpropagation" (2015).
"""

from typing import Any

from torch import Tensor
from torch.autograd import Function

from labkit.shapes import Float


class _Reversal(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, scale: float | Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float | Tensor], output: Tensor) -> None:
        ctx.scale = inputs[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        return -ctx.scale * gradients[0], None


def reverse_gradient(x: Float[Tensor, " *rest"], *, scale: float | Tensor = 1.0) -> Float[Tensor, " *rest"]:
    """``x`` itself; what flows back through it is multiplied by ``-scale``.

    Args:
        x: features of any shape, on any device.
        scale: λ, a number or a tensor with one element; 0 lets nothing through.

    Raises:
        ValueError: if ``scale`` is a tensor with more than one element.
    """
    if isinstance(scale, Tensor) and scale.numel() != 1:
        raise ValueError(f"scale has shape {tuple(scale.shape)}; expected one number")
    same: Tensor = _Reversal.apply(x, scale)
    return same
