"""Feature-space mapping between two languages: from the vectors of one to those of the other, with a few known pairs.

    least squares   min |X W − Y|²                                        Mikolov and others 2013
    Procrustes      the same with WᵀW = I:  W = U Vᵀ,  U Σ Vᵀ = XᵀY       Xing and others 2015
    CSLS            c(x, y) = 2 cos(x, y) − r_T(x) − r_S(y)               r: mean cosine to the k nearest of the other
    refinement      pairs that are each other's nearest become new pairs  side (Conneau and others 2018)

Rows are words and pairs: row i of X belongs to row i of Y, and a vector is mapped as x W. W may be a reflection: a
language has no handedness, and forcing det W = 1 (as for rigid bodies) makes the fit worse. Both sides are centred or
neither: MUSE found no alignment of English and Chinese at all until both were.

A. Conneau and others, "Word Translation Without Parallel Data", 2018 (MUSE).
"""

import torch
from torch import Tensor
from torch.nn import functional

from labkit.shapes import Float, Int
from labkit.transfer import inputs


def normalize_vectors(x: Float[Tensor, "n d"], *, center: bool = True) -> Float[Tensor, "n d"]:
    """Vectors of length 1; with ``center`` the mean of those is taken away, and they are made of length 1 again.

    >>> normalize_vectors(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor([[ 0.7071, -0.7071],
            [-0.7071,  0.7071]])
    """
    inputs.features(x)
    x = functional.normalize(x, dim=1)
    return functional.normalize(x - x.mean(0), dim=1) if center else x


def least_squares_map(x: Float[Tensor, "n d"], y: Float[Tensor, "n e"], *, ridge: float = 0.0) -> Float[Tensor, "d e"]:
    """W of the least |X W − Y|² + ridge · |W|²; of the solutions, where there are many, the shortest.

    Raises:
        ValueError: if the rows are no pairs, or the ridge is negative.

    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> least_squares_map(x, x @ torch.tensor([[2.0, 1.0], [4.0, 3.0]])).round(decimals=3)
    tensor([[2., 1.],
            [4., 3.]])
    """
    inputs.paired(x, y)
    if not ridge >= 0:
        raise ValueError(f"ridge is {ridge}; expected 0 or more")
    a, b = x.double(), y.to(x).double()
    if ridge:
        gram = a.T @ a + ridge * torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
        return torch.linalg.solve(gram, a.T @ b).to(x)
    return (torch.linalg.pinv(a, rtol=1e-10) @ b).to(x)


def procrustes(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    """The orthogonal W, rotation or reflection, of the least |X W − Y|².

    Raises:
        ValueError: if the rows are no pairs, or the two spaces have other dimensions.

    >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> procrustes(x, torch.tensor([[0.0, 1.0], [2.0, 0.0]])).round(decimals=4)
    tensor([[0., 1.],
            [1., 0.]])
    """
    inputs.paired(x, y)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x has {x.shape[1]} dimensions and y {y.shape[1]}; an orthogonal map needs as many")
    u, _, vh = torch.linalg.svd(x.double().T @ y.to(x).double())
    return (u @ vh).to(x)


def cosines(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """The cosine of every x with every y.

    >>> cosines(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
    tensor([[1., 0.]])
    """
    return functional.normalize(x, dim=1) @ functional.normalize(y, dim=1).T


def csls(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"], *, k: int = 10) -> Float[Tensor, "n m"]:
    """Similarities in which words that are near to everything ("hubs") are marked down.

    Args:
        x: mapped vectors of one language: all of them, since r_S(y) looks at the nearest among them.
        y: vectors of the other.
        k: neighbours in r; fewer where a language has fewer words.

    Raises:
        ValueError: if the dimensions differ, or k is below 1.

    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> csls(x, x, k=1)
    tensor([[ 0., -2.],
            [-2.,  0.]])
    """
    inputs.features(x, name="x")
    inputs.features(y, name="y")
    if x.shape[1] != y.shape[1] or k < 1:
        raise ValueError(f"x has {x.shape[1]} columns, y {y.shape[1]}, and k is {k}; expected as many, and 1 or more")
    cos = cosines(x, y)
    r_x = cos.topk(min(k, len(y)), dim=1).values.mean(1, keepdim=True)
    r_y = cos.topk(min(k, len(x)), dim=0).values.mean(0, keepdim=True)
    return 2 * cos - r_x - r_y


def precision_at(similarity: Float[Tensor, "n m"], truth: Int[Tensor, "p 2"], *, k: int = 1) -> float:
    """Of the words that have a translation, the share for which one is among the k most similar.

    Args:
        similarity: of every word of the one language with every word of the other.
        truth: pairs (row, column); a word may have several right columns.
        k: how many answers count.

    Raises:
        ValueError: if there is no pair.

    >>> precision_at(torch.tensor([[0.9, 0.1], [0.8, 0.2]]), torch.tensor([[0, 0], [1, 1]]))
    0.5
    """
    if truth.ndim != 2 or truth.shape[1] != 2 or len(truth) == 0:
        raise ValueError(f"truth holds pairs (p, 2), one or more; this has shape {tuple(truth.shape)}")
    right = torch.zeros_like(similarity, dtype=torch.bool)
    right[truth[:, 0], truth[:, 1]] = True
    asked = truth[:, 0].unique()
    best = similarity[asked].topk(min(k, similarity.shape[1]), dim=1).indices
    return float(right[asked].gather(1, best).any(1).double().mean())


def mutual_neighbours(similarity: Float[Tensor, "n m"]) -> Int[Tensor, "p 2"]:
    """Pairs (row, column), each of which is the other's nearest.

    >>> mutual_neighbours(torch.tensor([[0.9, 0.8], [0.7, 0.1]]))
    tensor([[0, 0]])
    """
    there, back = similarity.argmax(1), similarity.argmax(0)
    rows = torch.arange(len(similarity), device=similarity.device)
    kept = back[there] == rows
    return torch.stack([rows[kept], there[kept]], dim=1)


def refine_map(
    x: Float[Tensor, "n d"],
    y: Float[Tensor, "m d"],
    w: Float[Tensor, "d d"],
    *,
    rounds: int = 5,
    k: int = 10,
    most: int | None = None,
) -> Float[Tensor, "d d"]:
    """Procrustes over and over, each time on the pairs that CSLS finds to be each other's nearest.

    Args:
        x, y: all vectors of the two languages, the frequent words first.
        w: the map to begin with.
        rounds: how often.
        k: neighbours in CSLS.
        most: how many words of each language, from the first, may form pairs; all if not given.

    Raises:
        ValueError: as ``csls`` and ``procrustes``.

    >>> g = torch.Generator().manual_seed(0)
    >>> x = torch.randn(40, 3, generator=g)
    >>> turn = torch.linalg.qr(torch.randn(3, 3, generator=g)).Q
    >>> w = refine_map(x, x @ turn, procrustes(x[:4], (x @ turn)[:4]))
    >>> torch.allclose(w, turn, atol=1e-4)
    True
    """
    a, b = x[:most], y[:most]
    for _ in range(rounds):
        pairs = mutual_neighbours(csls(a @ w, b, k=k))
        if len(pairs) == 0:
            break
        w = procrustes(a[pairs[:, 0]], b[pairs[:, 1]])
    return w
