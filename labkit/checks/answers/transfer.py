"""Topic ``transfer``: what is right in exercise 15, and what is likely wrong."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit import transfer
from labkit.checks.bank import mistake, mistakes, reference
from labkit.transfer import setting as definitions

# ── setting ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("transfer.setting", instead_of=(transfer.compare, definitions._named))
def setting(source: tuple[str, ...], target: tuple[str, ...], labels: Tensor) -> str:
    """The setting's name, from (𝒳, P(X), 𝒴, P(Y|X)) of both and the numbers of their labels (2,)."""
    problems = [transfer.Problem(transfer.Domain(*names[:2]), transfer.Task(*names[2:]), bool(n > 0))
                for names, n in zip((source, target), labels)]  # fmt: skip
    return transfer.compare(*problems).name


def facts(name: Callable[[bool, bool, bool, bool], str]) -> Callable[..., str]:
    """An answer that is ``name`` of: do domains differ, do tasks, has the source labels, has the target?"""
    return lambda source, target, labels: name(
        source[:2] != target[:2], source[2:] != target[2:], bool(labels[0] > 0), bool(labels[1] > 0)
    )


def named(d: bool, t: bool, here: bool, there: bool) -> str:
    """What is right."""
    if not (d or t):
        return "ordinary"
    if not here:
        return "inductive" if there else "unsupervised"
    return "transductive" if not t else "inductive" if there else "zero-shot"


OTHER = {"inductive": "transductive", "transductive": "inductive"}
mistakes("transfer.setting", {
    "inductive and transductive are exchanged: where the tasks differ, and the target has labels, it is inductive":
        lambda d, t, here, there: OTHER.get(named(d, t, here, there), named(d, t, here, there)),
    "it is unsupervised where *neither* has labels: here the source has some":
        (lambda d, t, here, there: named(d, t, here, there) if there or not (d or t) else "unsupervised",
         lambda d, t, here, there: named(d, t, here, there) if there or not (d or t) or not t else "unsupervised"),
    "where domain and task are the same nothing is transferred: that is ordinary learning, with labels or without":
        (lambda d, t, here, there: named(d or not t, t, here, there),
         lambda d, t, here, there: "unsupervised" if not (here or there) else named(d, t, here, there)),
    "without labels in the source there is no source task to be the same: with labels in the target it is inductive "
    "(self-taught)": (
        lambda d, t, here, there: "transductive" if d and not t and there else named(d, t, here, there),
        lambda d, t, here, there: "unsupervised" if (d or t) and not here else named(d, t, here, there),
        lambda d, t, here, there: "transductive" if (d or t) and not here and there else named(d, t, here, there)),
    "tasks differ and only the source has labels: nothing says what the target's labels mean. That is zero-shot":
        (lambda d, t, here, there: named(d, t, here, there).replace("zero-shot", "transductive"),
         lambda d, t, here, there: named(d, t, here, there).replace("zero-shot", "inductive")),
    "domains may differ in inductive transfer: the deck's table forbids it, and its own example (photographs, then "
    "medical images) does it": (
        lambda d, t, here, there: "transductive" if d and named(d, t, here, there) == "inductive"
        else named(d, t, here, there),
        lambda d, t, here, there: "unsupervised" if d and named(d, t, here, there) == "inductive"
        else named(d, t, here, there)),
    "the same task with labels in the target is not inductive: what decides is whether the *tasks* differ":
        (lambda d, t, here, there: "inductive" if there and (d or t) else named(d, t, here, there),
         lambda d, t, here, there: named(d, t, here, there) if not (d or t) or not (here or there)
         else "inductive" if there else "transductive"),
    "where the domains are the same and the tasks differ, it is not ordinary": (
        lambda d, t, here, there: named(d, t, here, there) if d else "ordinary",
        lambda d, t, here, there: named(d, t and d, here, there)),
    "where the tasks are the same and the domains differ, it is not ordinary":
        lambda d, t, here, there: named(d, t, here, there) if t else "ordinary",
}, of=facts)  # fmt: skip


def looking_at(*parts: int) -> Callable[..., str]:
    """An answer that sees only some of the four names."""

    def answer(source, target, labels):
        kept = [target[i] if i in parts else source[i] for i in range(4)]
        return setting(source, tuple(kept), labels)

    return answer


mistakes("transfer.setting", {
    "only how samples and labels are distributed is compared: the spaces 𝒳 and 𝒴 belong to domain and task, too":
        looking_at(1, 3),
    "only the spaces are compared: P(X) belongs to the domain and P(Y|X) to the task, too": looking_at(0, 2),
    "domains differ where P(X) does, too: compare both parts of the domain": looking_at(0, 2, 3),
    "domains differ where 𝒳 does, too: compare both parts of the domain": looking_at(1, 2, 3),
    "tasks differ where P(Y|X) does, too: compare both parts of the task": looking_at(0, 1, 2),
    "tasks differ where 𝒴 does, too: compare both parts of the task": looking_at(0, 1, 3),
    "a domain differs where *one* of its parts does: it says so only where both do":
        lambda a, b, n: setting(a, b if a[0] != b[0] and a[1] != b[1] else (*a[:2], *b[2:]), n),
    "a task differs where *one* of its parts does: it says so only where both do":
        lambda a, b, n: setting(a, b if a[2] != b[2] and a[3] != b[3] else (*b[:2], *a[2:]), n),
    "source and target are exchanged: the first number of labels is the source's":
        lambda a, b, n: setting(a, b, n.flip(0)),
    "`labels` holds numbers of labelled samples: is there at least one?": (
        lambda a, b, n: setting(a, b, n > 1_000_000), lambda a, b, n: setting(a, b, n == 0),
        lambda a, b, n: setting(a, b, torch.ones_like(n)), lambda a, b, n: setting(a, b, torch.tensor([1, 0]))),
    "write the name in small letters, as the text does": (
        lambda a, b, n: setting(a, b, n).capitalize(), lambda a, b, n: setting(a, b, n).upper()),
    "return the name alone": lambda a, b, n: setting(a, b, n) + " transfer",
})  # fmt: skip

# ── importance_weights ────────────────────────────────────────────────────────────────────────────────────────────────


@reference("transfer.importance_weights", instead_of=(transfer.importance_weights,))
def importance_weights(p: Tensor, n_source: int, n_target: int) -> Tensor:
    """p_T(x) / p_S(x) from the probability p (n,) of "from the target", and the sizes of both samples."""
    return transfer.importance_weights(torch.logit(p), n_source=n_source, n_target=n_target)


mistakes("transfer.importance_weights", {
    "the ratio is upside down: the target's density stands above": (
        lambda p, s, t: (1 - p) / p * s / t, lambda p, s, t: (1 - p) / p * t / s,
        lambda p, s, t: (1 - p) / p),
    "all of 1 − p stands below the line: put it into brackets": lambda p, s, t: p / 1 - p * s / t,
    "the prior is forgotten: a classifier that saw more of one domain calls more samples its own. Multiply by "
    "n_source / n_target": lambda p, s, t: p / (1 - p),
    "the prior is upside down: the more target samples the classifier saw, the more often it says target. Multiply by "
    "n_source / n_target": lambda p, s, t: p / (1 - p) * t / s,
    "this is the probability, not the odds p / (1 − p)": (
        lambda p, s, t: p, lambda p, s, t: p * s / t, lambda p, s, t: p * t / s, lambda p, s, t: 1 - p),
    "divide by 1 − p, the probability of the source": (
        lambda p, s, t: s / t / (1 - p), lambda p, s, t: 1 / (1 - p), lambda p, s, t: p * (1 - p) * s / t),
    "this is the logarithm of the weights": lambda p, s, t: torch.logit(p) + torch.log(torch.tensor(s / t)),
    "the weights are divided by their mean or sum: that hides a wrong prior. The formula needs no division": (
        lambda p, s, t: p / (1 - p) / (p / (1 - p)).mean(), lambda p, s, t: p / (1 - p) / (p / (1 - p)).sum(),
        lambda p, s, t: (p / (1 - p)).softmax(0)),
    "the prior is the ratio of the two sizes, not a share of all samples": (
        lambda p, s, t: p / (1 - p) * s / (s + t), lambda p, s, t: p / (1 - p) * t / (s + t),
        lambda p, s, t: p / (1 - p) * (s + t) / t, lambda p, s, t: p / (1 - p) * (s + t) / s),
    "n_source is left out": lambda p, s, t: p / (1 - p) / t,
    "n_target is left out": lambda p, s, t: p / (1 - p) * s,
    "the sizes are divided as whole numbers: use / and not //": (
        lambda p, s, t: p / (1 - p) * (s // t), lambda p, s, t: p / (1 - p) / max(1, t // s)),
    "the weights are cut at 1: they may be larger": lambda p, s, t: (p / (1 - p) * s / t).clamp(max=1),
    "p is a probability already: no sigmoid": (
        lambda p, s, t: p.sigmoid() / (1 - p.sigmoid()) * s / t, lambda p, s, t: p.exp() * s / t),
    "the root is too much: the odds themselves are the ratio": lambda p, s, t: (p / (1 - p) * s / t).sqrt(),
    "p is rounded to a decision first: take the probability": lambda p, s, t: (p > 0.5).to(p) * s / t,
})  # fmt: skip

# ── effective_sample_size ─────────────────────────────────────────────────────────────────────────────────────────────


@reference("transfer.effective_sample_size", instead_of=(transfer.effective_sample_size,))
def effective_sample_size(w: Tensor) -> Tensor:
    """(Σ w)² / Σ w²."""
    return transfer.effective_sample_size(w)


mistakes("transfer.effective_sample_size", {
    "this is right only for weights that add up to 1: the square of the sum stands above":
        lambda w: 1 / w.square().sum(),
    "this is right only for weights of mean 1: the square of the *sum* stands above":
        (lambda w: len(w) ** 2 / w.square().sum(), lambda w: len(w) * w.sum() / w.square().sum()),
    "the fraction is upside down": lambda w: w.square().sum() / w.sum().square(),
    "the sum is not squared": lambda w: w.sum() / w.square().sum(),
    "the fraction is upside down, and its sum is not squared": lambda w: w.square().sum() / w.sum(),
    "the squares are missing below": (lambda w: w.sum().square() / w.sum(), lambda w: w.sum()),
    "above stands the square of the sum, not the sum of the squares":
        (lambda w: w.square().sum() / w.square().sum(), lambda w: w.square().sum()),
    "means in place of sums give a share of n: multiply by n, or take sums":
        lambda w: w.mean() ** 2 / w.square().mean(),
    "below stands the sum of the squares; this is the square of the length of w, a root too much":
        lambda w: w.sum().square() / w.norm(),
    "this counts the samples; those of little weight are worth less": lambda w: torch.tensor(len(w)),
    "this counts the weights above 0; those of little weight are worth less": lambda w: (w > 0).sum(),
    "this is the sum over the largest weight: another measure. Take squares": lambda w: w.sum() / w.max(),
    "this is the perplexity of the weights: another measure. Take squares":
        lambda w: torch.special.entr(w / w.sum()).sum().exp(),
    "this is the variance of the weights, not a number of samples": lambda w: w.var(correction=0),
    "the result is a number of samples, but needn't be whole": (
        lambda w: (w.sum().square() / w.square().sum()).round(),
        lambda w: (w.sum().square() / w.square().sum()).ceil()),
    "this is the root of it": lambda w: w.sum() / w.norm(),
    "the deviation of the weights is not squared: n / (1 + variance / mean²)": (
        lambda w: len(w) / (1 + w.std() / w.mean()) if len(w) > 1 else torch.ones(()),
        lambda w: len(w) / (1 + w.std() / w.mean()), lambda w: len(w) / (1 + w.std(correction=0) / w.mean())),
})  # fmt: skip

# ── clip_weights ──────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("transfer.clip_weights", instead_of=(transfer.clip_weights,))
def clip_weights(w: Tensor, most: float) -> Tensor:
    """min(w / mean, most), divided by its mean."""
    return transfer.clip_weights(w, most=most)


def cut_again(w: Tensor, most: float, rounds: int) -> Tensor:
    """Cut and divide so often."""
    v = w / w.mean()
    for _ in range(rounds):
        v = v.clamp(max=most)
        v = v / v.mean()
    return v


mistakes("transfer.clip_weights", {
    "the mean is 1 at the end, too: divide by the mean of what was cut": lambda w, m: (w / w.mean()).clamp(max=m),
    "the cap is in units of the mean: divide by the mean before you cut": (
        lambda w, m: w.clamp(max=m) / w.clamp(max=m).mean(), lambda w, m: w.clamp(max=m)),
    "cut in units of the mean: the cap is `most` times the mean, and the result has mean 1":
        lambda w, m: w.clamp(max=m * float(w.mean())),
    "nothing is cut": lambda w, m: w / w.mean(),
    "the small weights are raised to the cap: cut the large ones": (
        lambda w, m: (w / w.mean()).clamp(min=m), lambda w, m: (w / w.mean()).clamp(min=m)
        / (w / w.mean()).clamp(min=m).mean()),
    "weights above the cap become 0: make them equal to the cap":
        lambda w, m: (v := torch.where(w / w.mean() > m, 0, w / w.mean())) / v.mean().clamp_min(1e-30),
    "weights above the cap become 1: make them equal to the cap":
        lambda w, m: (v := torch.where(w / w.mean() > m, 1, w / w.mean())) / v.mean(),
    "the result has mean 1, not sum 1": lambda w, m: (v := (w / w.mean()).clamp(max=m)) / v.sum(),
    "divide by the mean, not by the sum, before you cut":
        lambda w, m: (v := (w / w.sum()).clamp(max=m)) / v.mean(),
    "divide by the mean, not by the largest, before you cut":
        lambda w, m: (v := (w / w.max()).clamp(max=m)) / v.mean(),
    "the cap is in units of the mean, not of the median":
        lambda w, m: (v := (w / w.median()).clamp(max=m)) / v.mean(),
    "cut once: after the second division a weight may be above the cap again":
        (lambda w, m: (v := (w / w.mean()).clamp(max=m), (v / v.mean()).clamp(max=m))[1],
         lambda w, m: cut_again(w, m, 2), lambda w, m: cut_again(w, m, 50)),
    "the weights are divided by their mean, not less it":
        lambda w, m: (v := (w - w.mean()).clamp(max=m)) / v.abs().mean(),
})  # fmt: skip


@mistake("transfer.clip_weights", says="in place")
def cuts_in_place(w, most):
    w /= w.mean()
    w.clamp_(max=most)
    return w / w.mean()


# ── procrustes ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("transfer.procrustes", instead_of=(transfer.procrustes,))
def procrustes(x: Tensor, y: Tensor) -> Tensor:
    """The orthogonal W of the least |x W − y|²: (n, d), (n, d) → (d, d)."""
    return transfer.procrustes(x, y)


def svd(combine: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that is ``combine`` of U, Σ and Vᵀ of xᵀy."""
    return lambda x, y: combine(*torch.linalg.svd(x.T @ y))


def proper(u: Tensor, vh: Tensor) -> Tensor:
    """U Vᵀ with determinant 1: the last direction is turned where it has to be."""
    sign = torch.ones(len(u), dtype=u.dtype)
    sign[-1] = torch.sign(torch.linalg.det(u @ vh))
    return u * sign @ vh


mistakes("transfer.procrustes", {
    "this maps y to x: is it transposed? Rows are words, so W stands on the right: x W": lambda u, s, vh: (u @ vh).T,
    "`torch.linalg.svd` returns Vᵀ, not V: don't transpose it again": (
        lambda u, s, vh: u @ vh.T, lambda u, s, vh: (u @ vh.T).T),
    "Σ has no place in it: W must be orthogonal": (
        lambda u, s, vh: u * (s / s.sum()) @ vh, lambda u, s, vh: u * s.sqrt() @ vh),
    "W may be a reflection: don't force the determinant to be 1": lambda u, s, vh: proper(u, vh),
    "this is U alone": lambda u, s, vh: u,
    "this is Vᵀ alone": lambda u, s, vh: vh,
    "the sign is wrong": lambda u, s, vh: -u @ vh,
}, of=svd)  # fmt: skip
mistakes("transfer.procrustes", {
    "this is the map of least squares: it is not orthogonal": (
        lambda x, y: torch.linalg.lstsq(x, y).solution, lambda x, y: torch.linalg.pinv(x) @ y),
    "this is xᵀ y itself, U Σ Vᵀ: take its singular value decomposition, and leave Σ out": lambda x, y: x.T @ y,
    "nothing is taken away here: centre the vectors before, if at all, and both sides": (
        lambda x, y: procrustes(x - x.mean(0), y - y.mean(0)), lambda x, y: procrustes(x - x.mean(0), y),
        lambda x, y: procrustes(x, y - y.mean(0))),
    "the vectors are taken as they are: don't divide by their lengths": (
        lambda x, y: procrustes(F.normalize(x, dim=1), F.normalize(y, dim=1)),
        lambda x, y: procrustes(F.normalize(x, dim=1), y), lambda x, y: procrustes(x, F.normalize(y, dim=1))),
    "return the map W, not the mapped vectors x W": lambda x, y: x @ procrustes(x, y),
    "some pairs are left out": lambda x, y: procrustes(x[:-1], y[:-1]),
    "this is the orthogonal factor of a QR decomposition: take the singular values'":
        lambda x, y: torch.linalg.qr(x.T @ y).Q,
    "the product of the pairs has shape (n, n): d × d is asked for, xᵀ y":
        lambda x, y: (lambda u, s, vh: u @ vh)(*torch.linalg.svd(x @ y.T)),
})  # fmt: skip

# ── csls ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("transfer.csls", instead_of=(transfer.csls,))
def csls(x: Tensor, y: Tensor, k: int) -> Tensor:
    """2 cos − r_T(x) − r_S(y): (n, d), (m, d) → (n, m)."""
    return transfer.csls(x, y, k=k)


def similarity(combine: Callable[..., Tensor], r: Callable[..., Tensor] | None = None) -> Callable[..., Tensor]:
    """An answer that is ``combine`` of the cosines and of r of their rows and columns: the mean of the k largest."""

    def answer(x, y, k):
        cos = transfer.cosines(x, y)
        mean = r or (lambda c, k, dim: c.topk(min(k, c.shape[dim]), dim).values.mean(dim))
        return combine(cos, mean(cos, k, 1)[:, None], mean(cos, k, 0))

    return answer


mistakes("transfer.csls", {
    "the cosine counts twice, since two means are taken away": lambda c, a, b: c - a - b,
    "the means are added: they are taken away, so that hubs lose": lambda c, a, b: 2 * c + a + b,
    "r_S(y) is missing: hubs of the target keep their advantage": (lambda c, a, b: 2 * c - a, lambda c, a, b: c - a),
    "r_T(x) is missing": (lambda c, a, b: 2 * c - b, lambda c, a, b: c - b),
    "these are the cosines: take the two means away": (lambda c, a, b: c, lambda c, a, b: 2 * c),
    "this is the means' half: 2 cos − r − r": lambda c, a, b: 2 * c - (a + b) / 2,
    "this is half of it": lambda c, a, b: c - (a + b) / 2,
    "rows belong to x and columns to y: this is transposed": lambda c, a, b: (2 * c - a - b).T,
    "the sign is the other way round: similar words have a *large* value": lambda c, a, b: a + b - 2 * c,
    "the means are divided, not taken away": lambda c, a, b: 2 * c / (a + b),
}, of=similarity)  # fmt: skip
mistakes("transfer.csls", {
    "r is the mean of the k *largest* cosines; these are the smallest":
        lambda c, k, dim: -((-c).topk(min(k, c.shape[dim]), dim).values.mean(dim)),
    "r is the mean of k cosines, not their sum": lambda c, k, dim: c.topk(min(k, c.shape[dim]), dim).values.sum(dim),
    "r is the mean over the k nearest, not over all": lambda c, k, dim: c.mean(dim),
    "r is the mean of the k largest, not the largest": lambda c, k, dim: c.max(dim).values,
    "r is the mean of the k largest, not the k-th":
        lambda c, k, dim: c.topk(min(k, c.shape[dim]), dim).values.amin(dim),
    "the nearest one is left out: x and y are two languages, so that nobody is its own neighbour":
        lambda c, k, dim: c.sort(dim, descending=True).values.narrow(dim, 1, min(k, c.shape[dim] - 1)).mean(dim),
    "k is not used": lambda c, k, dim: c.topk(min(10, c.shape[dim]), dim).values.mean(dim),
    "it takes one neighbour too many": lambda c, k, dim: c.topk(min(k + 1, c.shape[dim]), dim).values.mean(dim),
}, of=lambda r: similarity(lambda c, a, b: 2 * c - a - b, r))  # fmt: skip


def nearest(a: Tensor, b: Tensor, k: int) -> Tensor:
    """The mean cosine of each a with its k nearest of b."""
    return transfer.cosines(a, b).topk(min(k, len(b)), 1).values.mean(1)


mistakes("transfer.csls", {
    "these are products of vectors: divide by both lengths for the cosine":
        lambda x, y, k: 2 * x @ y.T - (x @ y.T).topk(min(k, len(y)), 1).values.mean(1, keepdim=True)
        - (x @ y.T).topk(min(k, len(x)), 0).values.mean(0),
    "only one side is divided by its lengths": (
        lambda x, y, k: similar(x, F.normalize(y, dim=1), k), lambda x, y, k: similar(F.normalize(x, dim=1), y, k)),
    "the lengths are those of the columns: normalise each word, `dim=1`":
        lambda x, y, k: similar(F.normalize(x, dim=0), F.normalize(y, dim=0), k),
    "neighbours are sought in the same language: r_T(x) looks among y, and r_S(y) among x": (
        lambda x, y, k: 2 * transfer.cosines(x, y) - nearest(x, x, k)[:, None] - nearest(y, y, k),
        lambda x, y, k: 2 * transfer.cosines(x, y) - nearest(x, y, k)[:, None] - nearest(y, y, k),
        lambda x, y, k: 2 * transfer.cosines(x, y) - nearest(x, x, k)[:, None] - nearest(y, x, k)),
    "the vectors are taken as they are: don't centre them here": (
        lambda x, y, k: csls(x - x.mean(0), y - y.mean(0), k), lambda x, y, k: csls(x - x.mean(0), y, k),
        lambda x, y, k: csls(x, y - y.mean(0), k)),
    "these are distances: take cosines": lambda x, y, k: -2 * torch.cdist(x, y)
        + torch.cdist(x, y).topk(min(k, len(y)), 1, largest=False).values.mean(1, keepdim=True)
        + torch.cdist(x, y).topk(min(k, len(x)), 0, largest=False).values.mean(0),
})  # fmt: skip


def similar(a: Tensor, b: Tensor, k: int) -> Tensor:
    """The formula on products of vectors as they come."""
    c = a @ b.T
    r, s = c.topk(min(k, len(b)), 1).values.mean(1, keepdim=True), c.topk(min(k, len(a)), 0).values.mean(0)
    return 2 * c - r - s


# ── soft_sharing ──────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("transfer.soft_sharing", instead_of=(transfer.soft_sharing,))
def soft_sharing(a: nn.Module, b: nn.Module, lambda_: Tensor | float) -> Tensor:
    """λ Σ |W_a − W_b|² over all parameters."""
    return transfer.soft_sharing(a, b, lambda_=float(torch.as_tensor(lambda_).detach()))


def over_parameters(part: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is λ times the sum of ``part`` of each parameter of the one and of the other."""
    return lambda a, b, lambda_: lambda_ * sum(part(p, q) for p, q in zip(a.parameters(), b.parameters()))


mistakes("transfer.soft_sharing", {
    "the squares are summed, not averaged": lambda p, q: (p - q).square().mean(),
    "this is a root too much: the *squared* length": lambda p, q: (p - q).norm(),
    "these are absolute values: take squares": lambda p, q: (p - q).abs().sum(),
    "the differences are not squared: they cancel": lambda p, q: (p - q).sum(),
    "square each difference, then sum: this is the square of the sum": lambda p, q: (p - q).sum().square(),
    "this is the difference of two lengths: take the length of the difference": (
        lambda p, q: p.square().sum() - q.square().sum(), lambda p, q: (p.norm() - q.norm()).square()),
    "the weights are added: take the difference": lambda p, q: (p + q).square().sum(),
    "this keeps both small, and not alike: take the difference": lambda p, q: p.square().sum() + q.square().sum(),
    "it is half of it": lambda p, q: (p - q).square().sum() / 2,
    "the biases are left out: all parameters are meant": lambda p, q: (p - q).square().sum() * (p.ndim > 1),
    "only the biases are counted": lambda p, q: (p - q).square().sum() * (p.ndim == 1),
    "this is the product of the two: take the difference": lambda p, q: (p * q).sum(),
}, of=over_parameters)  # fmt: skip
mistakes("transfer.soft_sharing", {
    "λ is left out": lambda a, b, lambda_: soft_sharing(a, b, 1.0),
    "λ is squared": lambda a, b, lambda_: soft_sharing(a, b, lambda_**2),
    "it divides by λ": lambda a, b, lambda_: soft_sharing(a, b, 1.0) / lambda_ if lambda_ else soft_sharing(a, b, 0.0),
    "this is a root too much: the *squared* length of all differences":
        lambda a, b, lambda_: lambda_ * soft_sharing(a, b, 1.0).sqrt(),
    "only the first parameter is counted: sum over all":
        lambda a, b, lambda_: lambda_ * (next(a.parameters()) - next(b.parameters())).square().sum(),
    "only the last parameter is counted: sum over all":
        lambda a, b, lambda_: lambda_ * ([*a.parameters()][-1] - [*b.parameters()][-1]).square().sum(),
    "the mean over the parameters is taken: sum":
        lambda a, b, lambda_: soft_sharing(a, b, lambda_) / len(list(a.parameters())),
})  # fmt: skip


@mistake("transfer.soft_sharing", says="`b`")
def lets_the_first_alone_move(a, b, lambda_):
    return lambda_ * sum((p - q.detach()).square().sum() for p, q in zip(a.parameters(), b.parameters()))


@mistake("transfer.soft_sharing", says="`a`")
def lets_the_second_alone_move(a, b, lambda_):
    return lambda_ * sum((p.detach() - q).square().sum() for p, q in zip(a.parameters(), b.parameters()))


@mistake("transfer.soft_sharing", says="gradient")
def takes_the_state_which_has_no_gradient(a, b, lambda_):
    return lambda_ * sum((p - q).square().sum() for p, q in zip(a.state_dict().values(), b.state_dict().values()))


# ── sgns_loss ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "transfer.sgns_loss",
    instead_of=(transfer.sgns_loss,),
    only={
        "a model that is very sure": (
            "for a model that is very sure the loss must stay finite and exact: log(sigmoid(z)) rounds to log(0), and "
            "a small number added to it is not exact. `F.logsigmoid` is both"
        ),
        "a negative that is the context itself": "a negative that is the context itself counts nothing: mask it",
    },
)
def sgns_loss(v: Tensor, u: Tensor, centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """The mean over the pairs of −log σ(u_o · v_c) − Σ_k log σ(−u_k · v_c)."""
    return transfer.sgns_loss(v, u, centre, context, negatives)


def pairwise(combine: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that is ``combine`` of the contexts' scores (B,), the negatives' (B, K), and a mask (B, K)."""

    def answer(v, u, centre, context, negatives):
        c = v[centre]
        mask = (negatives != context[:, None]).to(v)
        return combine((c * u[context]).sum(1), (c[:, None] * u[negatives]).sum(2), mask)

    return answer


log_sigmoid = F.logsigmoid
mistakes("transfer.sgns_loss", {
    "sum over the words of a pair, and average over the pairs: this averages over both":
        (lambda p, n, m: -(log_sigmoid(p) + (log_sigmoid(-n) * m).sum(1)).mean() / (1 + n.shape[1]),
         lambda p, n, m: -(log_sigmoid(p) + log_sigmoid(-n).sum(1)).mean() / (1 + n.shape[1])),
    "the sign is wrong: a loss goes *down* where the model is right":
        lambda p, n, m: (log_sigmoid(p) + (log_sigmoid(-n) * m).sum(1)).mean(),
    "the minus within the second σ is missing: negatives shall be unlikely":
        lambda p, n, m: -(log_sigmoid(p) + (log_sigmoid(n) * m).sum(1)).mean(),
    "the minus stands before the wrong one: contexts shall be likely, negatives unlikely":
        lambda p, n, m: -(log_sigmoid(-p) + (log_sigmoid(n) * m).sum(1)).mean(),
    "the negatives are summed, not averaged":
        (lambda p, n, m: -(log_sigmoid(p) + (log_sigmoid(-n) * m).mean(1)).mean(),
         lambda p, n, m: -(log_sigmoid(p).mean() + (log_sigmoid(-n) * m).mean())),
    "the pairs are averaged, not summed": lambda p, n, m: -(log_sigmoid(p) + (log_sigmoid(-n) * m).sum(1)).sum(),
    "a negative that is the context itself counts nothing: mask it":
        (lambda p, n, m: -(log_sigmoid(p) + log_sigmoid(-n).sum(1)).mean(),
         lambda p, n, m: -(log_sigmoid(p) + log_sigmoid(-n * m).sum(1)).mean()),
    "the negatives are left out": lambda p, n, m: -log_sigmoid(p).mean(),
    "the contexts are left out": lambda p, n, m: -(log_sigmoid(-n) * m).sum(1).mean(),
    "the logarithm is missing": lambda p, n, m: -(p.sigmoid() + ((-n).sigmoid() * m).sum(1)).mean(),
    "the σ is missing": lambda p, n, m: -(p - (n * m).sum(1)).mean(),
    "σ is applied twice: `F.logsigmoid` has it already":
        lambda p, n, m: -(log_sigmoid(p.sigmoid()) + (log_sigmoid(-n.sigmoid()) * m).sum(1)).mean(),
    "the logarithm is of each negative, then they are summed": (
        lambda p, n, m: -(log_sigmoid(p) + log_sigmoid(-(n * m).sum(1))).mean(),
        lambda p, n, m: -(log_sigmoid(p) + ((-n).sigmoid() * m).sum(1).log()).mean()),
    "this is a softmax over the drawn words: each has a σ of its own": lambda p, n, m: F.cross_entropy(
        torch.cat([p[:, None], n.masked_fill(m == 0, -torch.inf)], 1), torch.zeros(len(p), dtype=torch.int64)),
    "the two terms are averaged: they are added":
        lambda p, n, m: -(log_sigmoid(p) + (log_sigmoid(-n) * m).sum(1)).mean() / 2,
    "the negatives are taken away: both terms are added":
        lambda p, n, m: -(log_sigmoid(p) - (log_sigmoid(-n) * m).sum(1)).mean(),
}, of=pairwise)  # fmt: skip
mistakes("transfer.sgns_loss", {
    "v and u are exchanged: a centre's vector is a row of v, a context's a row of u":
        lambda v, u, c, o, n: sgns_loss(u, v, c, o, n),
    "contexts and negatives have their vectors in u, not in v": lambda v, u, c, o, n: sgns_loss(v, v, c, o, n),
    "the centre's vector is a row of v, not of u": lambda v, u, c, o, n: sgns_loss(u, u, c, o, n),
    "the negatives' vectors are rows of u, not of v":
        lambda v, u, c, o, n: -(log_sigmoid((v[c] * u[o]).sum(1)) + (
            log_sigmoid(-(v[c][:, None] * v[n]).sum(2)) * (n != o[:, None])).sum(1)).mean(),
    "centre and context are exchanged": lambda v, u, c, o, n: sgns_loss(v, u, o, c, n),
    "every pair has negatives of its own: here all get those of the first":
        lambda v, u, c, o, n: sgns_loss(v, u, c, o, n[:1].expand_as(n)),
    "only the first negative of each pair counts: sum over all": lambda v, u, c, o, n: sgns_loss(v, u, c, o, n[:, :1]),
    "this is a softmax over all words: that is what negative sampling avoids":
        lambda v, u, c, o, n: F.cross_entropy(v[c] @ u.T, o),
    "context and negatives are compared with the centre; here they are with the context":
        lambda v, u, c, o, n: sgns_loss(v, u, o, o, n),
    "the vectors are taken as they are: no cosine": lambda v, u, c, o, n: sgns_loss(
        F.normalize(v, dim=1), F.normalize(u, dim=1), c, o, n),
})  # fmt: skip


@mistake("transfer.sgns_loss", says="very sure the loss must stay finite")
def takes_the_logarithm_of_sigma(v, u, centre, context, negatives):
    c, mask = v[centre], (negatives != context[:, None]).to(v)
    positive = torch.log(torch.sigmoid((c * u[context]).sum(1)) + 1e-9)
    negative = torch.log(torch.sigmoid(-(c[:, None] * u[negatives]).sum(2)) + 1e-9)
    return -(positive + (negative * mask).sum(1)).mean()


@mistake("transfer.sgns_loss", says="gradient")
def gives_a_number(v, u, centre, context, negatives):
    return sgns_loss(v, u, centre, context, negatives).item()


@mistake("transfer.sgns_loss", says="`u`")
def detaches_the_contexts(v, u, centre, context, negatives):
    return sgns_loss(v, u.detach(), centre, context, negatives)
