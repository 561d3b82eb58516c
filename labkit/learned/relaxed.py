"""A choice of operations that a gradient can pass through, instead of REINFORCE.

    w = softmax((l + g)/τ),   g_k = −log(−log U_k)          Gumbel-softmax (Jang and others 2017)
    x̃ = Σ_k w_k T_k(x; m_k)   with w rounded to one-hot in the forward pass and soft in the backward one

so that the loss moves the logits l and, through T, the magnitudes m. Li and others, "DADA" (ECCV 2020), Hataya and
others, "Faster AutoAugment" (ECCV 2020). All K operations are worked out for each picture: K times the price.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from labkit.draws import uniform
from labkit.learned.operations import RANDAUGMENT, apply_operations
from labkit.logits import relaxed_choice
from labkit.shapes import Float, Images, images


def gumbel_softmax(
    logits: Float[Tensor, " k"], n: int, *, temperature: float, hard: bool = True, generator: Generator | None = None
) -> Float[Tensor, "{n} k"]:
    """n draws from softmax(logits): one-hot rows with the gradient of the soft ones (or, not ``hard``, the soft ones).

    Raises:
        ValueError: if the temperature is not above 0.

    >>> gumbel_softmax(torch.tensor([9.0, -9.0]), 2, temperature=1.0)
    tensor([[1., 0.],
            [1., 0.]])
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected a number above 0")
    u = uniform((n, len(logits)), like=logits, generator=generator)
    tiny = torch.finfo(u.dtype).tiny
    noise = -(-u.clamp_min(tiny).log()).clamp_min(tiny).log()
    return relaxed_choice(logits + noise, temperature=temperature, hard=hard)


def relaxed_operations(
    x: Images, weights: Float[Tensor, "b k"], *, magnitude: Float[Tensor, " k"],
    sign: float | Tensor = 1.0, space: str = "standard", operations: Sequence[str] = RANDAUGMENT,
) -> Images:  # fmt: skip
    """Σ_k w_k T_k(x; m_k): each picture's mean over operations, with its own weights.

    Args:
        x: (B, C, H, W) in [0, 1].
        weights: (B, K), from ``gumbel_softmax``.
        magnitude: (K,) one an operation.
        sign, space, operations: as in ``apply_operations``.

    Raises:
        ValueError: if weights or magnitudes don't fit.

    >>> x = torch.rand(2, 1, 4, 4)
    >>> pair = dict(magnitude=torch.zeros(2), operations=["identity", "invert"])
    >>> torch.allclose(relaxed_operations(x, torch.full((2, 2), 0.5), **pair), torch.tensor(0.5))
    True
    """
    b, k = len(images(x)), len(operations)
    if weights.shape != (b, k) or magnitude.shape != (k,):
        raise ValueError(f"weights are {tuple(weights.shape)} and magnitudes {tuple(magnitude.shape)}; "
                         f"expected ({b}, {k}) and ({k},)")  # fmt: skip
    each = torch.arange(k, device=x.device).repeat_interleave(b)
    s = sign if isinstance(sign, int | float) else sign.repeat(k)
    y = apply_operations(x.repeat(k, 1, 1, 1), each, magnitude=magnitude.repeat_interleave(b), sign=s, space=space,
                         operations=operations)  # fmt: skip
    return torch.einsum("bk,kbchw->bchw", weights.to(x.dtype), y.unflatten(0, (k, b)))
