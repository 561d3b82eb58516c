"""Smooth curves through a few points: cubic splines as one matrix product.

Between knots at ``u_0 < … < u_{K−1}``, evenly spread over the T steps, a cubic spline through the values v is linear in
v: ``curve = v Mᵀ`` with a matrix M (T, K) that depends on K and T alone. Its second derivatives m solve

    m_{i−1} + 4 m_i + m_{i+1} = 6 (v_{i−1} − 2 v_i + v_{i+1}) / h²,    h = (T − 1)/(K − 1),

and at both ends the third derivative has no jump at the second knot ("not a knot"). Source: C. de Boor, *A Practical
Guide to Splines*, 1978. The magnitude warp and the time warp of Um and others (2017) draw such curves.
"""

from functools import lru_cache

import torch
from torch import Tensor

from labkit.shapes import Float


def spline(values: Float[Tensor, "b k"], *, steps: int) -> Float[Tensor, "b {steps}"]:
    """The cubic spline through K values that are evenly spread over ``steps`` steps, (B, K) → (B, T).

    Two values give a line, three a parabola.

    Raises:
        ValueError: if there are fewer than two values, or fewer than two steps.

    >>> spline(torch.tensor([[0.0, 1.0, 4.0]]), steps=5)
    tensor([[0.0000, 0.2500, 1.0000, 2.2500, 4.0000]])
    """
    if values.ndim != 2 or values.shape[1] < 2:
        raise ValueError(f"a spline goes through at least two values, (B, K); these have shape {tuple(values.shape)}")
    if steps < 2:
        raise ValueError(f"steps is {steps}; expected 2 or more")
    return values @ spline_matrix(values.shape[1], steps).to(values).T


@lru_cache(maxsize=64)
def spline_matrix(knots: int, steps: int) -> Tensor:
    """The matrix M (T, K) by which values at the knots become the curve, float64 on the CPU."""
    k = knots
    h, eye = (steps - 1) / (k - 1), torch.eye(k, dtype=torch.float64)
    position = torch.arange(steps, dtype=torch.float64) / h
    left = position.floor().long().clamp(max=k - 2)
    a = (position - left)[:, None]
    bend = _second_derivatives(k) * h**-2  # of each unit vector, (K, K)
    line = (1 - a) * eye[left] + a * eye[left + 1]
    cubic = ((1 - a) ** 3 - (1 - a)) * bend[left] + (a**3 - a) * bend[left + 1]
    return line + cubic * h**2 / 6


def _second_derivatives(k: int) -> Tensor:
    """The matrix (K, K) that gives the second derivatives at knots one apart."""
    system, right = torch.zeros(2, k, k, dtype=torch.float64).unbind()
    if k == 2:
        return right
    if k == 3:  # a parabola: the same second derivative everywhere
        return torch.tensor([[1.0, -2.0, 1.0]], dtype=torch.float64).expand(3, 3).clone()
    for i in range(1, k - 1):
        system[i, i - 1 : i + 2] = torch.tensor([1.0, 4.0, 1.0])
        right[i, i - 1 : i + 2] = torch.tensor([6.0, -12.0, 6.0])
    system[0, :3] = torch.tensor([1.0, -2.0, 1.0])
    system[-1, -3:] = torch.tensor([1.0, -2.0, 1.0])
    return torch.linalg.solve(system, right)
