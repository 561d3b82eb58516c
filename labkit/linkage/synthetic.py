"""Synthetic release: publish samples of a model of the data instead of the data, and ask both questions of them.

    utility    train on synthetic, test on real
    privacy    the distance attack: x was in the training set, if something released lies near it,
               −min_j ‖x − x̃_j‖ as the score

Two generators that are fitted in no time mark the ends of the scale. ``copies`` releases training samples with noise:
useful, and no anonymisation at all. ``Factors`` is a Gaussian for each class with r factors,

    x̃ = μ_c + W_c z + σ_c ε,    z, ε ~ N(0, I),

fitted in closed form: W from the r leading directions, σ² the mean of the other variances (M. Tipping and C. Bishop,
"Probabilistic Principal Component Analysis", 1999). The attack is the one with samples only of D. Chen and others,
"GAN-Leaks" (2020).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from labkit import distances
from labkit.shapes import Float, Int, Labels, PerSample


def distance_to_closest_record(x: Float[Tensor, " n *rest"], released: Float[Tensor, " m *rest"]) -> PerSample:
    """The distance of each sample to the nearest released one: 0 for an exact copy.

    Raises:
        ValueError: if nothing was released, or samples differ in shape.
    """
    return distances.nearest(x, released).distance


def copies(
    x: Float[Tensor, " n *rest"], index: Int[Tensor, " m"], *, sigma: float, generator: torch.Generator | None = None
) -> Float[Tensor, " m *rest"]:
    """The samples at ``index`` with Gaussian noise of deviation ``sigma``: which look new at first sight.

    Raises:
        ValueError: if ``sigma`` is negative.
    """
    if sigma < 0:
        raise ValueError(f"sigma is {sigma}; expected 0 or more")
    chosen = x[index]
    return chosen + sigma * torch.randn(chosen.shape, generator=generator, device=x.device, dtype=x.dtype)


@dataclass(frozen=True, eq=False)
class Factors:
    """A Gaussian with few factors for each class, from ``Factors.fit``.

    Attributes:
        mean: (k, d).
        loading: (k, d, r), the W of each class.
        sigma: (k,), the deviation that the factors don't explain.
        shape: of one sample.
    """

    mean: Float[Tensor, "k d"]
    loading: Float[Tensor, "k d r"]
    sigma: Float[Tensor, " k"]
    shape: tuple[int, ...]

    @classmethod
    def fit(cls, x: Float[Tensor, " n *rest"], y: Labels, *, rank: int) -> "Factors":
        """The likeliest model with ``rank`` factors a class, in closed form.

        Args:
            x: the samples.
            y: their classes, 0 to k − 1.
            rank: r, at least 0; a class with n samples has at most n − 1 factors.

        Raises:
            ValueError: if ``rank`` is negative, or a class has fewer than two samples.
        """
        flat, k = x.flatten(1), int(y.max()) + 1
        counts = torch.bincount(y, minlength=k)
        if rank < 0 or int(counts.min()) < 2:
            raise ValueError(
                f"rank is {rank} and the classes have {counts.tolist()} samples; expected rank ≥ 0, two or more"
            )
        means, loadings, sigmas = [], [], []
        for c in range(k):
            mine = flat[y == c]
            mean, n, d = mine.mean(0), len(mine), flat.shape[1]
            _, s, axes = torch.linalg.svd(mine - mean, full_matrices=False)
            variance = s.square() / (n - 1)
            r = min(rank, n - 1, d - 1)
            rest = variance[r:].sum() / (d - r)
            loading = flat.new_zeros(d, rank)
            loading[:, :r] = axes[:r].T * (variance[:r] - rest).clamp_min(0).sqrt()
            means.append(mean)
            loadings.append(loading)
            sigmas.append(rest.sqrt())
        return cls(torch.stack(means), torch.stack(loadings), torch.stack(sigmas), tuple(x.shape[1:]))

    def sample(self, y: Labels, *, generator: torch.Generator | None = None) -> Float[Tensor, " b *rest"]:
        """One new sample of each of the classes ``y``, (B,)."""
        _, d, r = self.loading.shape
        device, dtype = self.mean.device, self.mean.dtype
        z = torch.randn(len(y), r, 1, generator=generator, device=device, dtype=dtype)
        eps = torch.randn(len(y), d, generator=generator, device=device, dtype=dtype)
        flat = self.mean[y] + (self.loading[y] @ z)[:, :, 0] + self.sigma[y, None] * eps
        return flat.view(len(y), *self.shape)
