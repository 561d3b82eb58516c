"""Feature-representation transfer: move one domain's features onto the other's, or both into a common space.

    asymmetric   CORAL                x ↦ (x − μ_S) C_S^{−½} C_T^{½} + μ_T           the source moves
                 subspace alignment   x ↦ (x − μ_S) P_S P_Sᵀ P_T,  z ↦ (z − μ_T) P_T   it moves within d components
    symmetric    TCA                  K W,  W the d leading solutions of  K H K W = (I + μ K L K) W Λ
                 Daumé                x ↦ ⟨x, x, 0⟩,  z ↦ ⟨z, 0, z⟩                    labels needed on both sides

C are covariances, P the leading principal axes as columns, K the kernel matrix of both domains together, H the centring
matrix, and tr(K L K W Wᵀ) the squared distance of the domains' means in the new space. TCA's problem is a generalised
one of two symmetric matrices: (I + μ K L K)⁻¹ K H K is not symmetric, and must not be given to a solver that
assumes so. CORAL moves the source's mean along; without that a shift of the mean is left as it was.

B. Sun, J. Feng and K. Saenko, "Return of Frustratingly Easy Domain Adaptation", 2016; B. Fernando and others,
"Unsupervised Visual Domain Adaptation Using Subspace Alignment", 2013; S. J. Pan and others, "Domain Adaptation via
Transfer Component Analysis", 2011; H. Daumé III, "Frustratingly Easy Domain Adaptation", 2007.
"""

import torch
from torch import Tensor

from labkit.shapes import Float
from labkit.transfer import inputs
from labkit.transfer.matching import gaussian_kernel

Pair = tuple[Tensor, Tensor]
"""The source's features in the new space, and the target's."""


def coral_map(
    source: Float[Tensor, "n d"], target: Float[Tensor, "m d"], *, ridge: float = 1e-3
) -> Float[Tensor, "n d"]:
    """The source's features with the target's mean and covariance (CORAL); the target stays as it is.

    Args:
        source, target: features.
        ridge: added to both covariances' diagonals, in units of the target's mean variance; the paper takes 1 for
            features of variance 1.

    Raises:
        ValueError: if the domains have other columns, or fewer than two samples.

    >>> source, target = torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [11.0]])
    >>> coral_map(source, target, ridge=0.0)
    tensor([[ 5.],
            [11.]])
    """
    inputs.domains(source, target, least=2)
    if not ridge >= 0:
        raise ValueError(f"ridge is {ridge}; expected 0 or more")
    x, z = source.double(), target.to(source).double()
    c_s, c_t = (torch.cov(part.T).reshape(part.shape[1], part.shape[1]) for part in (x, z))
    more = ridge * c_t.diagonal().mean() * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    whitened = (x - x.mean(0)) @ _power(c_s + more, -0.5)
    return (whitened @ _power(c_t + more, 0.5) + z.mean(0)).to(source)


def _power(c: Tensor, exponent: float) -> Tensor:
    """A symmetric matrix to a power; along directions without any variance it is 0."""
    values, vectors = torch.linalg.eigh(c)
    kept = values > values.amax() * 1e-12
    return vectors * torch.where(kept, values.clamp_min(1e-300) ** exponent, 0.0) @ vectors.T


def principal_axes(x: Float[Tensor, "n d"], k: int) -> Float[Tensor, "d k"]:
    """The k directions of largest variance, as columns of length 1; each points to where its largest entry is positive.

    Raises:
        ValueError: if there are not so many.

    >>> principal_axes(torch.tensor([[-2.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), 1)
    tensor([[1.],
            [0.]])
    """
    inputs.features(x, least=2)
    inputs.components(k, most=min(len(x) - 1, x.shape[1]))
    axes = torch.linalg.svd(x - x.mean(0), full_matrices=False).Vh[:k].T
    largest = axes.gather(0, axes.abs().argmax(0)[None])
    return axes * largest.sign()


def subspace_alignment(source: Float[Tensor, "n d"], target: Float[Tensor, "m d"], *, d: int) -> Pair:
    """Both domains in d components of the target, the source by way of its own (subspace alignment).

    Raises:
        ValueError: if the domains have other columns, or fewer than d components.

    >>> x = torch.tensor([[-3.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> source, target = subspace_alignment(x, x, d=1)
    >>> torch.equal(source, target)
    True
    """
    inputs.domains(source, target, least=2)
    p_s, p_t = principal_axes(source, d), principal_axes(target.to(source), d)
    return (source - source.mean(0)) @ p_s @ (p_s.T @ p_t), (target - target.mean(0)).to(source) @ p_t


def tca(
    source: Float[Tensor, "n d"],
    target: Float[Tensor, "m d"],
    *,
    d: int,
    width: float | None = None,
    mu: float = 1.0,
) -> Pair:
    """Both domains in d common components: much variance, means close together (transfer component analysis).

    Args:
        source, target: features.
        d: the number of components.
        width: of a Gaussian kernel; a linear kernel if not given.
        mu: μ, how much the distance of the means matters beside the size of W; 0 is kernel PCA.

    Raises:
        ValueError: if the domains have other columns, or there are fewer than d components.

    >>> g = torch.Generator().manual_seed(0)
    >>> source = torch.randn(40, 3, generator=g)
    >>> target = torch.randn(30, 3, generator=g) + torch.tensor([9.0, 0.0, 0.0])
    >>> a, b = tca(source, target, d=1, mu=10.0)
    >>> bool((a.mean() - b.mean()).abs() < 0.1 * torch.cat([a, b]).std())
    True
    """
    inputs.domains(source, target)
    n, m = len(source), len(target)
    inputs.components(d, most=n + m - 1)
    if not mu >= 0:
        raise ValueError(f"mu is {mu}; expected 0 or more")
    x = torch.cat([source, target.to(source)]).double()
    x = x - x.mean(0)
    kernel = x @ x.T if width is None else gaussian_kernel(x, x, width=width)
    apart = torch.cat([x.new_full((n,), 1 / n), x.new_full((m,), -1 / m)])
    # L = apart apartᵀ, so that K L K = (K apart)(K apart)ᵀ.
    gap = kernel @ apart
    spread = kernel @ (kernel - kernel.mean(0))
    # A = I + μ gap gapᵀ = R Rᵀ, and with W = R⁻ᵀ V the problem is the symmetric one of R⁻¹ B R⁻ᵀ.
    root = torch.linalg.cholesky(torch.eye(n + m, dtype=x.dtype, device=x.device) + mu * torch.outer(gap, gap))
    inner = torch.linalg.solve_triangular(root, torch.linalg.solve_triangular(root, spread, upper=False).T, upper=False)
    vectors = torch.linalg.eigh((inner + inner.T) / 2).eigenvectors[:, -d:].flip(1)
    w = torch.linalg.solve_triangular(root.T, vectors, upper=True)
    w = w * w.gather(0, w.abs().argmax(0)[None]).sign()
    embedded = (kernel @ w).to(source)
    return embedded[:n], embedded[n:]


def augment_features(x: Float[Tensor, "n d"], *, domain: int, domains: int = 2) -> Float[Tensor, "n e"]:
    """Daumé's "frustratingly easy" features: what is common, then a copy for each domain, 0 in all but its own.

    Args:
        x: features of one domain.
        domain: which, from 0.
        domains: how many there are; e is d · (domains + 1).

    Raises:
        ValueError: if there is no such domain.

    >>> augment_features(torch.tensor([[1.0, 2.0]]), domain=1)
    tensor([[1., 2., 0., 0., 1., 2.]])
    """
    inputs.features(x)
    if not 0 <= domain < domains:
        raise ValueError(f"the domain is {domain}; expected 0 to {domains - 1}")
    blank = torch.zeros_like(x)
    return torch.cat([x, *(x if i == domain else blank for i in range(domains))], dim=1)
