"""Self-taught learning: a dictionary learned from unlabelled pictures of other things, codes for few labelled ones.

    min over D, A   Σ_i ½ |x_i − a_i D|² + β |a_i|₁      with |d_j| ≤ 1           rows d_j: the atoms, a_i: the codes
    codes           a ← shrink(a − s (a D − x) Dᵀ, s β),  s = 1 / |D Dᵀ|          accelerated: FISTA
    atoms           d_j ← d_j + (b_j − c_j D) / c_jj, shortened to length 1       with C = AᵀA, B = AᵀX

The labelled samples come in only at the end: their codes are the features of an ordinary classifier.

R. Raina and others, "Self-taught Learning: Transfer Learning from Unlabeled Data", 2007; A. Beck and M. Teboulle, "A
Fast Iterative Shrinkage-Thresholding Algorithm", 2009; J. Mairal and others, "Online Dictionary Learning", 2009.
"""

import torch
from torch import Tensor

from labkit.shapes import Float
from labkit.transfer import inputs


def sparse_codes(
    x: Float[Tensor, "n d"],
    dictionary: Float[Tensor, "k d"],
    *,
    penalty: float,
    steps: int = 200,
    tolerance: float = 1e-5,
    start: Float[Tensor, "n k"] | None = None,
) -> Float[Tensor, "n k"]:
    """The codes that write each sample as a sum of few atoms.

    Args:
        x: samples.
        dictionary: atoms as rows.
        penalty: β; above the largest |x dⱼ| all codes are 0.
        steps: of FISTA, at most.
        tolerance: it ends where no code moves by more than this in a step.
        start: codes to begin at; 0 if not given.

    Raises:
        ValueError: if samples and atoms differ in their columns, or β is not above 0.

    >>> sparse_codes(torch.tensor([[3.0, 0.5]]), torch.eye(2), penalty=1.0)
    tensor([[2., 0.]])
    """
    inputs.features(x)
    inputs.features(dictionary, name="dictionary")
    if x.shape[1] != dictionary.shape[1]:
        raise ValueError(f"x has {x.shape[1]} columns and the atoms {dictionary.shape[1]}; expected as many")
    inputs.above_zero(penalty, "penalty")
    gram, target = dictionary @ dictionary.T, x @ dictionary.T
    step = 1 / torch.linalg.matrix_norm(gram, ord=2).clamp_min(torch.finfo(gram.dtype).tiny)
    codes = x.new_zeros(len(x), len(dictionary)) if start is None else start.to(x)
    ahead, momentum = codes, 1.0
    for _ in range(steps):
        new = shrink(ahead - step * (ahead @ gram - target), step * penalty)
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        moved = new - codes
        ahead, codes, momentum = new + (momentum - 1) / following * moved, new, following
        if float(moved.abs().max()) < tolerance:
            break
    return codes


def shrink(a: Tensor, by: float | Tensor) -> Tensor:
    """Soft thresholding: each number nearer to 0 by ``by``, those within it 0.

    >>> shrink(torch.tensor([-3.0, 0.5, 2.0]), 1.0)
    tensor([-2.,  0.,  1.])
    """
    return a.sign() * (a.abs() - by).clamp_min(0)


def sparse_objective(
    x: Float[Tensor, "n d"], dictionary: Float[Tensor, "k d"], codes: Float[Tensor, "n k"], *, penalty: float
) -> float:
    """The mean of ½ |x_i − a_i D|² + β |a_i|₁ over the samples.

    >>> sparse_objective(torch.ones(1, 1), torch.ones(1, 1), torch.full((1, 1), 0.5), penalty=1.0)
    0.625
    """
    return float(((x - codes @ dictionary).square().sum() / 2 + penalty * codes.abs().sum()) / len(x))


def learn_dictionary(
    x: Float[Tensor, "n d"],
    *,
    atoms: int,
    penalty: float,
    rounds: int = 30,
    steps: int = 30,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "k d"]:
    """A dictionary for samples that need no labels, and need not be of the classes one wants to tell apart later.

    Args:
        x: unlabelled samples; best with mean 0 and, all together, variance 1.
        atoms: their number k, at most n.
        penalty: β.
        rounds: of codes and atoms, in turns.
        steps: of FISTA in each, which begins at the codes of the last.
        generator: of the samples that the atoms begin at, and of atoms that nobody uses, which begin anew.

    Returns:
        (k, d), each row of length 1 at most.

    Raises:
        ValueError: if there are more atoms than samples, or a number is out of range.

    >>> x = torch.eye(3).repeat(4, 1)
    >>> d = learn_dictionary(x, atoms=3, penalty=0.1, generator=torch.Generator().manual_seed(1))
    >>> d.norm(dim=1).round(decimals=3)
    tensor([1., 1., 1.])
    """
    inputs.features(x)
    inputs.above_zero(penalty, "penalty")
    if not 1 <= atoms <= len(x) or rounds < 1:
        raise ValueError(
            f"there are {atoms} atoms for {len(x)} samples and {rounds} rounds; expected 1 or more of each"
        )
    d = unit(x[_drawn(len(x), atoms, generator).to(x.device)])
    codes = None
    for _ in range(rounds):
        codes = sparse_codes(x, d, penalty=penalty, steps=steps, start=codes)
        c, b = codes.T @ codes, codes.T @ x
        idle = c.diagonal() <= torch.finfo(x.dtype).eps * len(x)
        for j in (~idle).nonzero()[:, 0].tolist():
            d[j] += (b[j] - c[j] @ d) / c[j, j]
            d[j] /= d[j].norm().clamp_min(1)
        if bool(idle.any()):
            fresh = _drawn(len(x), int(idle.sum()), generator).to(x.device)
            d[idle] = unit(x[fresh])
    return d


def unit(x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Rows of length 1; a row of zeros stays.

    >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    return x / x.norm(dim=1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)


def _drawn(n: int, k: int, generator: torch.Generator | None) -> Tensor:
    """k of n samples, without replacement."""
    return torch.randperm(n, generator=generator, device="cpu" if generator is None else generator.device)[:k]
