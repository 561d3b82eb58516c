"""Weights without a classifier: make the weighted source look like the target, by likelihood or by kernel means.

    KLIEP   w(x) = Σ_j α_j k(x, c_j),   max Σ_t log w(x_t)   with   α ≥ 0,  mean_s w(x_s) = 1
    KMM     min over w of |1/n_S Σ_s w_s φ(x_s) − 1/n_T Σ_t φ(x_t)|²   with   0 ≤ w ≤ B,  |mean w − 1| ≤ ε

``k(a, b) = exp(−|a − b|² / (2 σ²))``, φ its feature map, c_j some samples of the target. With
β_j = α_j · mean_s k(x_s, c_j) KLIEP is the likelihood of a mixture with shares β: expectation maximisation climbs it
without a step size, and it is concave, so there is no other summit. KMM is a quadratic programme: accelerated
projected gradients solve it.

M. Sugiyama and others, "Direct Importance Estimation with Model Selection and Its Application to Covariate Shift
Adaptation", 2007; J. Huang and others, "Correcting Sample Selection Bias by Unlabeled Data", 2006.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from labkit.distances import squared_distances
from labkit.shapes import Float
from labkit.transfer import inputs

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Kernel widths that ``kliep`` tries, in units of the median distance."""


def gaussian_kernel(x: Float[Tensor, "n d"], z: Float[Tensor, "m d"], *, width: float) -> Float[Tensor, "n m"]:
    """``exp(−|x_i − z_j|² / (2 width²))``.

    >>> gaussian_kernel(torch.zeros(1, 1), torch.tensor([[0.0], [2.0]]), width=2.0)
    tensor([[1.0000, 0.6065]])
    """
    return torch.exp(squared_distances(x, z) / (-2 * inputs.above_zero(width, "width") ** 2))


def median_distance(x: Float[Tensor, "n d"], *, most: int = 1000) -> float:
    """The median distance between two samples, of the first ``most``: the usual first guess at a kernel's width.

    Raises:
        ValueError: if all samples are equal, so that there is no such width.

    >>> median_distance(torch.tensor([[0.0], [1.0], [3.0]]))
    2.0
    """
    inputs.features(x, least=2)
    middle = float(torch.pdist((x - x.mean(0))[:most]).median())
    if middle == 0:
        raise ValueError("most samples are equal, so that their median distance is 0; give a width")
    return middle


def mixture_shares(
    likelihoods: Float[Tensor, "n m"], *, steps: int = 2000, tolerance: float = 1e-9
) -> Float[Tensor, " m"]:
    """The shares β of m components that make n samples most likely: max Σ_i log Σ_j β_j p_ij, by EM.

    Args:
        likelihoods: p_ij of sample i under component j, 0 or more; each sample is possible under one of them.
        steps: at most.
        tolerance: it ends where the mean log-likelihood grows by less in ten steps.

    Raises:
        ValueError: if a sample is impossible under every component.

    >>> mixture_shares(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    tensor([0.7500, 0.2500])
    """
    inputs.features(likelihoods, name="likelihoods")
    p = likelihoods.detach().double()
    if bool((p < 0).any()) or not bool((p.sum(1) > 0).all()):
        raise ValueError(
            "a sample has a likelihood below 0, or is impossible under every component; expected densities"
        )
    p = p / p.amax(1, keepdim=True)
    shares = p.new_full((p.shape[1],), 1 / p.shape[1])
    before = -torch.inf
    for i in range(steps):
        mixed = p @ shares
        if i % 10 == 0:
            now = float(mixed.log().mean())
            if now - before < tolerance:
                break
            before = now
        shares = shares * (p.T @ (1 / mixed)) / len(p)
    return (shares / shares.sum()).to(likelihoods)


def kliep(
    source: Float[Tensor, "n d"],
    target: Float[Tensor, "m d"],
    *,
    width: float | None = None,
    centres: int = 100,
    folds: int = 5,
    generator: torch.Generator | None = None,
) -> Float[Tensor, " n"]:
    """KLIEP's weights of the source's samples; their mean is 1.

    Args:
        source, target: features of both domains.
        width: the kernel's σ. Without one, that of ``WIDTHS`` times the median distance is taken under which held-back
            samples of the target are most likely.
        centres: how many samples of the target, drawn without replacement, carry a kernel.
        folds: of that cross-validation.
        generator: of the centres and the folds.

    Raises:
        ValueError: if the domains have other columns, or no kernel reaches the source.

    >>> g = torch.Generator().manual_seed(0)
    >>> source, target = torch.randn(200, 1, generator=g), 1 + 0.5 * torch.randn(100, 1, generator=g)
    >>> w = kliep(source, target, width=0.5, generator=g)
    >>> round(float(w.mean()), 3), bool(w[source[:, 0] > 0.5].mean() > w[source[:, 0] < -0.5].mean())
    (1.0, True)
    """
    inputs.domains(source, target)
    if centres < 1 or folds < 2:
        raise ValueError(f"there are {centres} centres and {folds} folds; expected 1 or more, and 2 or more")
    device = generator.device if generator is not None else "cpu"
    order = torch.randperm(len(target), generator=generator, device=device).to(target.device)
    shuffled = target.to(source)[order]
    if width is None:
        unit = median_distance(torch.cat([source[:500], shuffled[:500]]))
        width = best_width(source, shuffled, [unit * f for f in WIDTHS], centres=centres, folds=folds)
    middle, alpha = _kliep(source, shuffled, width, centres)
    return gaussian_kernel(source, middle, width=width) @ alpha


def best_width(
    source: Float[Tensor, "n d"], target: Float[Tensor, "m d"], widths: Sequence[float], *, centres: int, folds: int
) -> float:
    """The width under which held-back samples of the target are most likely; ``target`` is in random order.

    Raises:
        ValueError: if there are fewer samples of the target than folds.

    >>> g = torch.Generator().manual_seed(0)
    >>> source, target = torch.randn(200, 1, generator=g), 0.1 * torch.randn(100, 1, generator=g)
    >>> best_width(source, target, [0.2, 50.0], centres=50, folds=5)
    0.2
    """
    if len(target) < folds:
        raise ValueError(f"there are {len(target)} samples of the target for {folds} folds; expected as many or more")
    fold = torch.arange(len(target), device=target.device) % folds
    scores = []
    for width in widths:
        total = 0.0
        for i in range(folds):
            middle, alpha = _kliep(source, target[fold != i], width, centres)
            ratio = gaussian_kernel(target[fold == i], middle, width=width) @ alpha
            total += float(ratio.double().clamp_min(torch.finfo(ratio.dtype).tiny).log().sum())
        scores.append(total)
    return widths[int(torch.tensor(scores).argmax())]


def _kliep(source: Tensor, target: Tensor, width: float, centres: int) -> tuple[Tensor, Tensor]:
    """Centres, and α: the mixture's shares over how much of the source each kernel holds."""
    middle = target[:centres]
    held = gaussian_kernel(source, middle, width=width).mean(0)
    there = held > torch.finfo(held.dtype).tiny
    if not bool(there.any()):
        raise ValueError(
            f"no kernel of width {width:.3g} around a target sample reaches the source: the domains don't overlap, and "
            "no weights can help; give a larger width to see how little"
        )
    middle, held = middle[there], held[there]
    likelihoods = gaussian_kernel(target, middle, width=width) / held
    seen = likelihoods.sum(1) > 0
    return middle, mixture_shares(likelihoods[seen], tolerance=1e-5) / held


def kernel_mean_matching(
    source: Float[Tensor, "n d"],
    target: Float[Tensor, "m d"],
    *,
    width: float | None = None,
    most: float = 1000.0,
    slack: float | None = None,
    steps: int = 2000,
    tolerance: float = 1e-6,
) -> Float[Tensor, " n"]:
    """The weights under which the kernel means of both domains are nearest.

    Args:
        source, target: features of both domains.
        width: the kernel's σ; the median distance within both domains if not given.
        most: the largest weight B.
        slack: how far the mean weight may be from 1, ε; (√n − 1) / √n if not given, as in the paper.
        steps: of the accelerated projected gradients, at most.
        tolerance: it ends where no weight moves by more than this in a step.

    Raises:
        ValueError: if the domains have other columns, or a number is out of range.

    >>> source, target = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[2.0], [2.0]])
    >>> kernel_mean_matching(source, target, width=0.1, slack=0.0).round(decimals=2)
    tensor([0., 0., 3.])
    """
    inputs.domains(source, target)
    n = len(source)
    slack = (n**0.5 - 1) / n**0.5 if slack is None else slack
    if not most >= 1 or not 0 <= slack <= 1:
        raise ValueError(f"most is {most} and slack is {slack}; expected 1 or more, and 0 to 1")
    x, z = source.detach().double(), target.detach().to(source).double()
    width = median_distance(torch.cat([x[:500], z[:500]])) if width is None else width
    kernel = gaussian_kernel(x, x, width=width)
    kappa = n * gaussian_kernel(x, z, width=width).mean(1)
    step = 1 / float(torch.linalg.matrix_norm(kernel, ord=2))
    bounds = (n * (1 - slack), n * (1 + slack))
    w = project_box(x.new_ones(n), most=most, bounds=bounds)
    ahead, momentum = w, 1.0
    for _ in range(steps):
        new = project_box(ahead - step * (kernel @ ahead - kappa), most=most, bounds=bounds)
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        # Momentum that points uphill is dropped (O'Donoghue and Candès 2015).
        uphill = float((ahead - new) @ (new - w)) > 0
        ahead = new if uphill else new + (momentum - 1) / following * (new - w)
        moved, w, momentum = float((new - w).abs().max()), new, 1.0 if uphill else following
        if moved < tolerance:
            break
    return w.to(source)


def project_box(w: Float[Tensor, " n"], *, most: float, bounds: tuple[float, float]) -> Float[Tensor, " n"]:
    """The nearest point to w with entries from 0 to ``most`` whose sum lies within ``bounds``.

    >>> project_box(torch.tensor([2.0, 0.0, -1.0]), most=1.5, bounds=(2.0, 3.0))
    tensor([1.5000, 0.5000, 0.0000])
    """
    clamped = w.clamp(0, most)
    total = float(clamped.sum())
    if bounds[0] <= total <= bounds[1]:
        return clamped
    goal = bounds[0] if total < bounds[0] else bounds[1]
    # Σ clamp(w + s) grows with s, piecewise linearly: halve where it meets the goal.
    low, high = -float(w.max()), most - float(w.min())
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if float((w + middle).clamp(0, most).sum()) < goal else (low, middle)
    return (w + high).clamp(0, most)
