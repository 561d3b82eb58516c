"""Learners whose samples have weights: importance weighting needs them.

    least squares     min Σ_i w_i (y_i − b − x_iᵀβ)² + ρ |β|²                     solved at once
    logistic          min Σ_i w_i (−log softmax(b + B x_i)_{y_i}) + ρ/2 |B|²      by L-BFGS, in double precision
    stump             argmin over column, threshold, side of Σ_i w_i [h(x_i) ≠ y_i]

The intercept b is not penalised. ``polynomial`` makes a line a curve: whether a model is misspecified is decided there.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit.shapes import Float, Labels, PerSample
from labkit.transfer import inputs


def polynomial(x: Float[Tensor, "n d"], degree: int) -> Float[Tensor, "n k"]:
    """Each column's powers 1 to ``degree``: (n, d · degree), powers of one degree side by side.

    Raises:
        ValueError: if x is no table of features, or the degree is below 1.

    >>> polynomial(torch.tensor([[2.0], [3.0]]), 3).tolist()
    [[2.0, 4.0, 8.0], [3.0, 9.0, 27.0]]
    """
    inputs.features(x)
    if degree < 1:
        raise ValueError(f"the degree is {degree}; expected 1 or more")
    return torch.cat([x**k for k in range(1, degree + 1)], dim=1)


def least_squares(
    x: Float[Tensor, "n d"], y: PerSample, *, weights: Float[Tensor, " n"] | None = None, ridge: float = 1e-6
) -> nn.Linear:
    """The linear model of least weighted squared error; it maps (m, d) to (m, 1).

    Args:
        x: features.
        y: targets (n,).
        weights: of the samples (n,), divided by their mean first; all 1 if not given.
        ridge: ρ per sample: the penalty is ``ridge · n``.

    Raises:
        ValueError: if an argument is not as above.

    >>> x = torch.tensor([[0.0], [1.0], [2.0]])
    >>> model = least_squares(x, torch.tensor([1.0, 3.0, 5.0]))
    >>> round(float(model.weight), 3), round(float(model.bias), 3)
    (2.0, 1.0)
    """
    inputs.features(x)
    if y.shape != x.shape[:1] or not y.is_floating_point():
        raise ValueError(f"y holds one float for each of {len(x)} rows; this is {y.dtype} {tuple(y.shape)}")
    if not ridge >= 0:
        raise ValueError(f"ridge is {ridge}; expected 0 or more")
    w = _mean_one(weights, x).double()
    a, b = x.detach().double(), y.detach().double()
    middle = (w @ a / w.sum(), w @ b / w.sum())
    a, b = a - middle[0], b - middle[1]
    gram = a.T @ (w[:, None] * a) + ridge * len(x) * torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
    beta = torch.linalg.lstsq(gram.cpu(), (a.T @ (w * b))[:, None].cpu(), driver="gelsd").solution[:, 0].to(a.device)
    return _linear(beta[None], (middle[1] - middle[0] @ beta)[None], x)


def logistic_regression(
    x: Float[Tensor, "n d"],
    y: Labels,
    *,
    weights: Float[Tensor, " n"] | None = None,
    classes: int | None = None,
    l2: float = 1.0,
    iterations: int = 200,
) -> nn.Linear:
    """Multinomial logistic regression; the model maps (m, d) to logits (m, k). There is no chance in it.

    Args:
        x: features.
        y: classes (n,).
        weights: of the samples (n,), as they are; all 1 if not given.
        classes: their number k; one more than the largest in y if not given, at least 2.
        l2: ρ, the weight of the penalty ½ |B|² against the *sum* of losses (scikit-learn's ``1 / C``).
        iterations: of L-BFGS, at most.

    Raises:
        ValueError: if an argument is not as above.

    >>> x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]])
    >>> logistic_regression(x, torch.tensor([0, 0, 1, 1]))(x).argmax(1).tolist()
    [0, 0, 1, 1]
    """
    inputs.features(x)
    k = max(2, inputs.classes(y, x, k=classes))
    inputs.above_zero(l2, "l2")
    a, w = x.detach().double(), None if weights is None else inputs.weights(weights, n=len(x)).detach().double()
    table = torch.zeros(k, x.shape[1] + 1, dtype=a.dtype, device=a.device, requires_grad=True)
    total = float(len(x)) if w is None else float(w.sum())
    solver = torch.optim.LBFGS([table], max_iter=iterations, tolerance_grad=1e-9, tolerance_change=1e-14,
                               history_size=20, line_search_fn="strong_wolfe")  # fmt: skip

    def closure() -> Tensor:
        solver.zero_grad()
        losses = functional.cross_entropy(a @ table[:, :-1].T + table[:, -1], y.long(), reduction="none")
        loss = ((losses if w is None else w * losses).sum() + l2 / 2 * table[:, :-1].square().sum()) / total
        loss.backward()
        return loss

    with torch.enable_grad():
        solver.step(closure)
    return _linear(table.detach()[:, :-1], table.detach()[:, -1], x)


@dataclass(frozen=True)
class Stump:
    """A decision by one column: class 1 where ``sign · x[column] > sign · threshold``.

    Attributes:
        column: which.
        threshold: half-way between two values of the training data.
        sign: 1 where large values mean class 1, −1 where small ones do.
        error: its weighted error, as a share.
    """

    column: int
    threshold: float
    sign: int
    error: float

    def __call__(self, x: Float[Tensor, "m d"]) -> Labels:
        """Classes (m,), 0 or 1."""
        return (self.sign * x[:, self.column] > self.sign * self.threshold).long()


def stump(x: Float[Tensor, "n d"], y: Labels, *, weights: Float[Tensor, " n"] | None = None) -> Stump:
    """The best decision by one column: what boosting calls a weak learner.

    Args:
        x: features.
        y: classes (n,), 0 and 1.
        weights: of the samples (n,).

    Raises:
        ValueError: if an argument is not as above.

    >>> stump(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([0, 0, 1])).threshold
    1.5
    """
    inputs.features(x)
    inputs.classes(y, x, k=2)
    w = _mean_one(weights, x)
    values, order = x.sort(dim=0)
    signed = (w * (2 * y - 1))[order]
    # All samples above the threshold are called 1: moving it over a sample of class 1 costs its weight.
    errors = w @ (1 - y).to(w) + torch.cat([torch.zeros_like(signed[:1]), signed.cumsum(0)])
    between = torch.cat([values[:1] - 1, (values[:-1] + values[1:]) / 2, values[-1:] + 1])
    ends = torch.ones_like(values[:1], dtype=torch.bool)
    distinct = torch.cat([ends, values[1:] > values[:-1], ends])
    both = torch.stack([errors, w.sum() - errors]).masked_fill(~distinct, torch.inf)
    best = int(both.argmin())
    side, row, column = (int(i) for i in torch.unravel_index(torch.tensor(best), both.shape))
    return Stump(column, float(between[row, column]), 1 - 2 * side, float(both[side, row, column] / w.sum()))


def _mean_one(weights: Tensor | None, x: Tensor) -> Tensor:
    """The weights divided by their mean; ones if there are none."""
    if weights is None:
        return x.new_ones(len(x))
    w = inputs.weights(weights, n=len(x), name="weights").detach().to(x)
    return w / w.mean()


def _linear(weight: Tensor, bias: Tensor, like: Tensor) -> nn.Linear:
    """A linear layer that holds these numbers and learns no more."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta", dtype=like.dtype)
    layer.weight, layer.bias = (nn.Parameter(v.to(like), requires_grad=False) for v in (weight, bias))
    return layer
