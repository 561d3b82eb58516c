"""Relational-knowledge transfer: not what the samples are is carried over, but how they stand to each other.

    ψ_D(i, j)    = |f_i − f_j| / mean |f_i − f_j|                          distances, in units of their mean
    ψ_A(i, j, k) = cos ∠(f_i, f_j, f_k)                                    the angle at j
    L            = w_D Σ h(ψ_D(t), ψ_D(s)) + w_A Σ h(ψ_A(t), ψ_A(s))       h: Huber's loss, means over pairs, triples

Both relations are unchanged by a shift, a rotation, a reflection and a common scale. Three uses: ``relational_loss``
teaches a network the relations among another one's features; ``match_by_relations`` gives names to things that are
known only by how they stand to each other (another speaker's vowels); ``fill_by_relations`` completes what is known of
someone in part from how the parts go together elsewhere (a customer of another shop):

    x̂ = μ + Σ[·, o] Σ[o, o]⁻¹ (x_o − μ_o)                                  o: what is observed

W. Park, D. Kim, Y. Lu and M. Cho, "Relational Knowledge Distillation", 2019.
"""

from itertools import permutations

import torch
from torch import Tensor
from torch.nn import functional

from labkit.shapes import Float, Int, Scalar
from labkit.transfer import inputs

MOST = 8
"""Things that ``match_by_relations`` takes at most: it tries all k! ways."""


def distance_relations(f: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """ψ_D: the distances between samples divided by their mean over different samples; 0 on the diagonal.

    Raises:
        ValueError: if there are fewer than two samples.

    >>> distance_relations(torch.tensor([[0.0], [1.0], [2.0]]))[0]
    tensor([0.0000, 0.7500, 1.5000])
    """
    inputs.features(f, name="f", least=2)
    n = len(f)
    squared = (f[:, None] - f).square().sum(2)
    # The root has no slope at 0: there the distance is 0, and so is its gradient.
    zero = squared == 0
    distance = torch.where(zero, 0.0, torch.where(zero, 1.0, squared).sqrt())
    return distance / (distance.sum() / (n * (n - 1))).clamp_min(torch.finfo(f.dtype).tiny)


def angle_relations(f: Float[Tensor, "n d"]) -> Float[Tensor, "n n n"]:
    """ψ_A: at [i, j, k] the cosine of the angle at j between the ways to i and to k; 0 where two of them coincide.

    Raises:
        ValueError: if there are fewer than three samples.

    >>> right_angle = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    >>> angle_relations(right_angle)[0, 1].tolist()
    [1.0, 0.0, 0.0]
    """
    inputs.features(f, name="f", least=3)
    way = f[:, None] - f
    squared = way.square().sum(2, keepdim=True)
    zero = squared == 0
    way = torch.where(zero, 0.0, way / torch.where(zero, 1.0, squared).sqrt())
    return torch.einsum("ijd,kjd->ijk", way, way)


def relational_loss(
    student: Float[Tensor, "n d"],
    teacher: Float[Tensor, "n e"],
    *,
    distances: float = 1.0,
    angles: float = 2.0,
) -> Scalar:
    """How far the student's relations are from the teacher's; no gradient flows into the teacher.

    Args:
        student, teacher: features of the same n samples, whatever their spaces.
        distances, angles: w_D and w_A; the paper's are in the ratio 1 : 2.

    Raises:
        ValueError: if there are not as many of each, or fewer than three.

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    >>> turned = 5.0 * x @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]]) + 7.0
    >>> bool(relational_loss(x, turned) < 1e-10), bool(relational_loss(x, x.square()) > 0.01)
    (True, True)
    """
    inputs.paired(student, teacher, least=3)
    teacher = teacher.detach().to(student)
    apart = functional.huber_loss(distance_relations(student), distance_relations(teacher))
    turned = functional.huber_loss(angle_relations(student), angle_relations(teacher))
    return distances * apart + angles * turned


def match_by_relations(source: Float[Tensor, "k d"], target: Float[Tensor, "k e"]) -> Int[Tensor, " k"]:
    """Which of the target's things is which of the source's, by their distances alone.

    Args:
        source: one point for each of k things whose names are known.
        target: one for each of k whose names are not, in a space that may be another.

    Returns:
        (k,): entry i is the row of the target that stands to the others as the source's row i does to its own.

    Raises:
        ValueError: if there are not as many in each, or not 2 to 8.

    >>> vowels = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    >>> other_voice = 2.0 * vowels[[2, 0, 1]] + 10.0
    >>> match_by_relations(vowels, other_voice)
    tensor([1, 2, 0])
    """
    inputs.paired(source, target, least=2)
    k = len(source)
    if k > MOST:
        raise ValueError(f"there are {k} things; expected 2 to {MOST}, since all orders are tried")
    orders = torch.tensor(list(permutations(range(k))), device=source.device)
    a, b = distance_relations(source), distance_relations(target.to(source))
    # What b is under every order at once: (k!, k, k).
    cost = (b[orders[:, :, None], orders[:, None, :]] - a).square().sum((1, 2))
    return orders[cost.argmin()]


def fill_by_relations(
    x: Float[Tensor, "n k"], *, mean: Float[Tensor, " k"], covariance: Float[Tensor, "k k"], noise: float = 0.0
) -> Float[Tensor, "n k"]:
    """Rows whose unknown entries (nan) follow from the known ones and from how the columns go together.

    Args:
        x: what is known; nan where nothing is. A row without any known entry gets the mean.
        mean: μ of each column.
        covariance: Σ between columns, as learned wherever there is more data.
        noise: the variance of the error of a known entry; with 0 known entries stay as they are.

    Raises:
        ValueError: if mean and covariance don't fit x, or the noise is negative.

    >>> fill_by_relations(torch.tensor([[2.0, torch.nan]]), mean=torch.zeros(2),
    ...                   covariance=torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    tensor([[2., 1.]])
    """
    k = x.shape[1] if x.ndim == 2 else 0
    if k == 0 or mean.shape != (k,) or covariance.shape != (k, k):
        raise ValueError(
            f"x has shape {tuple(x.shape)}, mean {tuple(mean.shape)}, covariance {tuple(covariance.shape)}; expected "
            "(n, k), (k,) and (k, k)"
        )
    if not noise >= 0:
        raise ValueError(f"noise is {noise}; expected a variance of 0 or more")
    known = ~x.isnan()
    both = known[:, :, None] & known[:, None, :]
    eye = torch.eye(k, dtype=x.dtype, device=x.device)
    sigma = covariance.to(x)
    # Unknown rows and columns become those of the identity, so that one batch of equal size is solved.
    system = torch.where(both, sigma + noise * eye, eye)
    gap = torch.where(known, x - mean.to(x), 0.0)
    pulled = torch.linalg.solve(system, gap[:, :, None])[:, :, 0]
    filled = mean.to(x) + pulled @ sigma
    return torch.where(known, x, filled) if noise == 0 else filled
