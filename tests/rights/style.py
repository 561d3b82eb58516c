"""Right answers to exercise 11, written differently."""

import torch
from torch.nn import functional as F

from tests.rights import right

# ── gram ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("style.gram")
def by_einsum(features):
    return torch.einsum("bchw,bdhw->bcd", features, features) / features[0, 0].numel()


@right("style.gram")
def picture_by_picture(features):
    matrices = []
    for f in features:
        rows = f.reshape(f.shape[0], -1)
        matrices.append(torch.mm(rows, rows.t()).div(rows.shape[1]))
    return torch.stack(matrices)


@right("style.gram")
def by_products_of_maps(features):
    return (features[:, :, None] * features[:, None]).mean(dim=(-2, -1))


# ── style_loss ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("style.style_loss")
def with_a_running_sum(features, targets):
    total = 0
    for f, a in zip(features, targets):
        b, c, h, w = f.shape
        g = torch.bmm(f.view(b, c, -1), f.view(b, c, -1).transpose(1, 2)) / (h * w)
        total = total + ((g - a) ** 2).flatten(1).sum(1) / (4 * c * c)
    return total / len(features)


@right("style.style_loss")
def by_means(features, targets):
    terms = []
    for f, a in zip(features, targets):
        g = torch.einsum("bchw,bdhw->bcd", f, f) / f.shape[2:].numel()
        terms.append(F.mse_loss(g, a.expand_as(g), reduction="none").mean(dim=[1, 2]) / 4)
    return sum(terms) / len(terms)


# ── adain ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("style.adain")
def by_instance_norm(x, y, strength):
    std = (y.var(dim=(2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
    t = F.instance_norm(x, eps=1e-5) * std + y.mean(dim=(2, 3), keepdim=True)
    return strength * t + (1 - strength) * x


@right("style.adain")
def with_flattened_maps(x, y, strength):
    fx, fy = x.flatten(2), y.flatten(2)
    mx, my = fx.mean(-1, keepdim=True), fy.mean(-1, keepdim=True)
    sx = torch.sqrt(((fx - mx) ** 2).mean(-1, keepdim=True) + 1e-5)
    sy = torch.sqrt(((fy - my) ** 2).mean(-1, keepdim=True) + 1e-5)
    t = ((fx - mx) / sx * sy + my).view_as(x)
    return torch.lerp(x, t, strength)


# ── total_variation ───────────────────────────────────────────────────────────────────────────────────────────────────


@right("style.total_variation")
def by_diff(x):
    return x.diff(dim=2).abs().mean(dim=(1, 2, 3)) + x.diff(dim=3).abs().mean(dim=(1, 2, 3))


@right("style.total_variation")
def one_picture_after_another(x):
    numbers = [(p[:, 1:] - p[:, :-1]).abs().mean() + (p[..., 1:] - p[..., :-1]).abs().mean() for p in x]
    return torch.stack(numbers)


# ── mixstyle ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("style.mixstyle")
def as_the_paper_writes_it(x, partner, lambda_, training):
    if not training:
        return x
    mu = x.mean(dim=[2, 3], keepdim=True)
    sig = (x.var(dim=[2, 3], keepdim=True, unbiased=False) + 1e-6).sqrt()
    mu, sig = mu.detach(), sig.detach()
    lam = lambda_[:, None, None, None]
    return (x - mu) / sig * (sig * lam + sig[partner] * (1 - lam)) + mu * lam + mu[partner] * (1 - lam)


@right("style.mixstyle")
def sample_by_sample(x, partner, lambda_, training):
    out = []
    for i in range(len(x)):
        if not training:
            out.append(x[i] * 1)
            continue
        with torch.no_grad():
            j = int(partner[i])
            m, m2 = (x[k].flatten(1).mean(1).view(-1, 1, 1) for k in (i, j))
            s, s2 = ((x[k].flatten(1).var(1, correction=0) + 1e-6).sqrt().view(-1, 1, 1) for k in (i, j))
            gamma, beta = torch.lerp(s2, s, lambda_[i]), torch.lerp(m2, m, lambda_[i])
        out.append(gamma * ((x[i] - m) / s) + beta)
    return torch.stack(out)


# ── pixel_step ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("style.pixel_step")
def with_autograd(loss, z, rate):
    leaf = z.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(leaf).sum(), leaf)
    return torch.clamp(z - rate * gradient, 0, 1)


@right("style.pixel_step")
def with_an_optimizer_of_the_picture(loss, z, rate):
    leaf = torch.nn.Parameter(z.detach().clone())
    optimizer = torch.optim.SGD([leaf], lr=rate)
    leaf.grad = torch.autograd.grad(loss(leaf).sum(), leaf)[0]
    optimizer.step()
    return leaf.detach().clamp_(0, 1)


@right("style.pixel_step")
def with_vjp(loss, z, rate):
    leaf = z.clone().detach().requires_grad_()
    values = loss(leaf)
    (gradient,) = torch.autograd.grad(values, leaf, grad_outputs=torch.ones_like(values))
    with torch.no_grad():
        return z.sub(gradient, alpha=rate).clamp(min=0, max=1)
