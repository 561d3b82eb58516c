"""Between modalities: a common space for two views of the same things; a model of one that teaches one of the other.

    CCA      max over A, B   corr((x − μ_x) a_j, (y − μ_y) b_j),  components uncorrelated        x and y are pairs
             C_xx^{−½} C_xy C_yy^{−½} = U Σ Vᵀ,   A = C_xx^{−½} U,   B = C_yy^{−½} V,   correlations Σ
    teach    min over the student  T² KL(softmax(teacher(sound) / T) | softmax(student(lips) / T))   on unlabelled pairs

H. Hotelling, "Relations Between Two Sets of Variates", 1936; S. Gupta, J. Hoffman and J. Malik, "Cross Modal
Distillation for Supervision Transfer", 2016; Y. Aytar and others, "SoundNet", 2016; T. Afouras, J. S. Chung and
A. Zisserman, "ASR Is All You Need: Cross-Modal Distillation for Lip Reading", 2020; T² from G. Hinton and others, 2015.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit.nets import eval_mode
from labkit.shapes import Float, Logits, Scalar
from labkit.train import descend
from labkit.train.loop import Step
from labkit.transfer import inputs


@dataclass(frozen=True, eq=False)
class CCA:
    """Two linear maps into one space.

    Attributes:
        mean_x, mean_y: what is taken away first.
        a, b: the maps (d_x, k) and (d_y, k): each component has variance 1 on the training pairs.
        correlations: (k,), the largest first.
    """

    mean_x: Tensor
    mean_y: Tensor
    a: Tensor
    b: Tensor
    correlations: Tensor

    def of_x(self, x: Float[Tensor, "n p"]) -> Float[Tensor, "n k"]:
        """Samples of the first view in the common space."""
        return (x - self.mean_x) @ self.a

    def of_y(self, y: Float[Tensor, "n q"]) -> Float[Tensor, "n k"]:
        """Samples of the second view in the common space."""
        return (y - self.mean_y) @ self.b


def cca(x: Float[Tensor, "n p"], y: Float[Tensor, "n q"], *, d: int, ridge: float = 0.0) -> CCA:
    """Canonical correlations of two views.

    Args:
        x, y: pairs.
        d: components.
        ridge: added to the covariances' diagonals, in units of their mean variance: needed where there are fewer pairs
            than columns, or correlations come out as 1 whatever the data.

    Raises:
        ValueError: if the rows are no pairs, there are not d components, or a column is a sum of others (give a ridge).

    >>> g = torch.Generator().manual_seed(0)
    >>> common = torch.randn(500, 1, generator=g)
    >>> x = torch.cat([common, torch.randn(500, 1, generator=g)], 1)
    >>> cca(x, -3 * common + 1, d=1).correlations.round(decimals=3)
    tensor([1.])
    """
    inputs.paired(x, y, least=2)
    inputs.components(d, most=min(x.shape[1], y.shape[1]))
    if not ridge >= 0:
        raise ValueError(f"ridge is {ridge}; expected 0 or more")
    u, v = x.double(), y.to(x).double()
    mean_u, mean_v = u.mean(0), v.mean(0)
    u, v = u - mean_u, v - mean_v
    roots = [_inverse_root(part.T @ part / (len(part) - 1), ridge) for part in (u, v)]
    left, correlations, right = torch.linalg.svd(roots[0] @ (u.T @ v / (len(u) - 1)) @ roots[1])
    a, b = roots[0] @ left[:, :d], roots[1] @ right[:d].T
    sign = a.gather(0, a.abs().argmax(0)[None]).sign()
    values = (mean_u, mean_v, a * sign, b * sign, correlations[:d])
    return CCA(*(value.to(x) for value in values))


def _inverse_root(c: Tensor, ridge: float) -> Tensor:
    """C^{−½} of a covariance with its ridge."""
    values, vectors = torch.linalg.eigh(
        c + ridge * c.diagonal().mean() * torch.eye(len(c), dtype=c.dtype, device=c.device)
    )
    if float(values[0]) <= 1e-12 * float(values[-1]):
        raise ValueError(
            "a column is a sum of other columns, or there are fewer pairs than columns; give a ridge above 0"
        )
    return vectors * values**-0.5 @ vectors.T


def distillation_loss(student: Logits, teacher: Logits, *, temperature: float = 1.0) -> Scalar:
    """T² times the mean divergence of the student's probabilities from the teacher's; none flows into the teacher.

    Raises:
        ValueError: if the shapes differ, or the temperature is not above 0.

    >>> logits = torch.tensor([[2.0, 0.0]])
    >>> float(distillation_loss(logits, logits + 5.0))
    0.0
    """
    if student.shape != teacher.shape or student.ndim != 2:
        raise ValueError(
            f"logits have shapes {tuple(student.shape)} and {tuple(teacher.shape)}; expected (B, k) for both"
        )
    t = inputs.above_zero(temperature, "temperature")
    targets = (teacher.detach() / t).log_softmax(1)
    return t**2 * functional.kl_div((student / t).log_softmax(1), targets, reduction="batchmean", log_target=True)


def cross_modal_step(
    student: nn.Module, teacher: nn.Module, optimizer: torch.optim.Optimizer, *, temperature: float = 1.0
) -> Step[tuple[Tensor, Tensor]]:
    """One update of a model of one modality by what a model of another says of the same moments; no labels are needed.

    Args:
        student: from samples of its modality to logits.
        teacher: likewise for its own; runs in evaluation mode without gradients, and is left as it was.
        optimizer: of the student.
        temperature: T.

    Returns:
        A step for ``train.fit`` over batches (student's view, teacher's view) that reports ``loss`` and ``agreement``,
        the share of samples to which both give the same class.

    >>> student, teacher = nn.Linear(3, 2), nn.Linear(5, 2)
    >>> step = cross_modal_step(student, teacher, torch.optim.SGD(student.parameters(), 0.1))
    >>> sorted(step((torch.randn(4, 3), torch.randn(4, 5))))
    ['agreement', 'loss']
    """

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        x, heard = batch
        with eval_mode(teacher), torch.no_grad():
            taught = teacher(heard)
        student.train()
        logits = student(x)
        loss = distillation_loss(logits, taught, temperature=temperature)
        descend(optimizer, loss)
        return {"loss": loss.detach(), "agreement": (logits.argmax(1) == taught.argmax(1)).float().mean()}

    return step
