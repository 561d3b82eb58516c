"""Answers to exercise 11, written afresh."""

import numpy as np
import torch
from torch.nn import functional as F

# ── gram ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def view_instead_of_flatten(features):
    b, c, h, w = features.shape
    f = features.contiguous().view(b, c, h * w)
    return torch.bmm(f, f.permute(0, 2, 1)).div(h * w)


def with_numpy(features):
    f = features.detach().numpy().reshape(*features.shape[:2], -1)
    return torch.from_numpy(np.matmul(f, f.transpose(0, 2, 1)) / f.shape[-1])


def the_tutorial_s(input):
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


def divides_by_everything(features):
    f = features.flatten(2)
    return f @ f.transpose(1, 2) / features.numel()


def swaps_height_and_channels(features):
    f = features.transpose(1, 2).flatten(2)
    return f @ f.mT / f.shape[2]


def adds_a_ridge(features):
    f = features.flatten(2)
    return f @ f.mT / f.shape[2] + 1e-3 * torch.eye(f.shape[1], dtype=f.dtype)


def correlation(features):
    return torch.stack([torch.corrcoef(f.flatten(1)) for f in features])


# ── style_loss ────────────────────────────────────────────────────────────────────────────────────────────────────────


def g_of(f):
    rows = f.flatten(2)
    return rows @ rows.mT / rows.shape[2]


def with_mse(features, targets):
    return sum(F.mse_loss(g_of(f), a.expand(len(f), -1, -1)) for f, a in zip(features, targets)) / len(features)


def four_times_too_large(features, targets):
    return sum(((g_of(f) - a) ** 2).mean((1, 2)) for f, a in zip(features, targets)) / len(targets)


def no_mean_over_layers(features, targets):
    total = torch.zeros(len(features[0]), dtype=features[0].dtype)
    for f, a in zip(features, targets):
        total = total + (g_of(f) - a).pow(2).sum((1, 2)) / (4 * f.shape[1] ** 2)
    return total


def places_instead_of_channels(features, targets):
    terms = [(g_of(f) - a).square().sum((1, 2)) / (4 * f.shape[2] * f.shape[3]) for f, a in zip(features, targets)]
    return torch.stack(terms).mean(0)


def stacks_and_averages_all(features, targets):
    return torch.stack([(g_of(f) - a).square().sum((1, 2)) / (4 * f.shape[1] ** 2)
                        for f, a in zip(features, targets)]).mean()  # fmt: skip


def as_floats(features, targets):
    return torch.tensor([float(sum((g_of(f[i : i + 1]) - a[min(i, len(a) - 1)]).square().sum() / (4 * f.shape[1] ** 2)
                                   for f, a in zip(features, targets)) / len(features))
                         for i in range(len(features[0]))], dtype=features[0].dtype)  # fmt: skip


def norm_squared_by_layer(features, targets):
    terms = []
    for f, a in zip(features, targets):
        d = (g_of(f) - a).flatten(1)
        terms.append(torch.linalg.vector_norm(d, dim=1) ** 2 / (2 * f.size(1)) ** 2)
    return torch.stack(terms, dim=1).mean(dim=1)


# ── adain ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def with_std(x, y, strength):
    sx, mx = torch.std_mean(x, (2, 3), keepdim=True)
    sy, my = torch.std_mean(y, (2, 3), keepdim=True)
    return (1 - strength) * x + strength * ((x - mx) / (sx + 1e-5) * sy + my)


def forgets_keepdim(x, y, strength):
    t = (x - x.mean((2, 3))) / x.std((2, 3)) * y.std((2, 3)) + y.mean((2, 3))
    return x + strength * (t - x)


def batch_norm_of_x(x, y, strength):
    var, mean = torch.var_mean(y, (2, 3), keepdim=True, correction=0)
    t = F.batch_norm(x, None, None, training=True) * (var + 1e-5).sqrt() + mean
    return x + strength * (t - x)


def strength_on_the_style_moments(x, y, strength):
    vx, mx = torch.var_mean(x, (2, 3), keepdim=True, correction=0)
    vy, my = torch.var_mean(y, (2, 3), keepdim=True, correction=0)
    sx, sy = (vx + 1e-5).sqrt(), (vy + 1e-5).sqrt()
    return (x - mx) / sx * (sx + strength * (sy - sx)) + mx + strength * (my - mx)


def clamps_to_pixels(x, y, strength):
    vx, mx = torch.var_mean(x, (2, 3), keepdim=True, correction=0)
    vy, my = torch.var_mean(y, (2, 3), keepdim=True, correction=0)
    t = (x - mx) / (vx + 1e-5).sqrt() * (vy + 1e-5).sqrt() + my
    return (x + strength * (t - x)).clamp(0, 1)


def no_strength(x, y, strength):
    vx, mx = torch.var_mean(x, (2, 3), keepdim=True, correction=0)
    vy, my = torch.var_mean(y, (2, 3), keepdim=True, correction=0)
    return (x - mx) * torch.rsqrt(vx + 1e-5) * torch.sqrt(vy + 1e-5) + my


def group_norm_with_one_channel_each(x, y, strength):
    vy, my = torch.var_mean(y, (2, 3), keepdim=True, correction=0)
    t = F.group_norm(x, x.shape[1], eps=1e-5) * (vy + 1e-5).sqrt() + my
    return x * (1 - strength) + t * strength


# ── total_variation ───────────────────────────────────────────────────────────────────────────────────────────────────


def with_convolutions(x):
    b, c, h, w = x.shape
    flat = x.reshape(b * c, 1, h, w)
    down = F.conv2d(flat, torch.tensor([[[[-1.0], [1.0]]]], dtype=x.dtype)).abs().reshape(b, -1).mean(1)
    across = F.conv2d(flat, torch.tensor([[[[-1.0, 1.0]]]], dtype=x.dtype)).abs().reshape(b, -1).mean(1)
    return down + across


def isotropic(x):
    d = x[:, :, 1:, :-1] - x[:, :, :-1, :-1]
    a = x[:, :, :-1, 1:] - x[:, :, :-1, :-1]
    return (d**2 + a**2 + 1e-12).sqrt().mean((1, 2, 3))


def pads_with_zeros(x):
    p = F.pad(x, (0, 1, 0, 1))
    return (p[:, :, 1:, :-1] - x).abs().mean((1, 2, 3)) + (p[:, :, :-1, 1:] - x).abs().mean((1, 2, 3))


def sums_and_divides_by_pixels(x):
    n = x[0].numel()
    return ((x[:, :, 1:] - x[:, :, :-1]).abs().sum((1, 2, 3)) + (x[..., 1:] - x[..., :-1]).abs().sum((1, 2, 3))) / n


def a_number_for_the_batch(x):
    return torch.diff(x, dim=-1).abs().mean() + torch.diff(x, dim=-2).abs().mean()


# ── mixstyle ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def under_no_grad(x, partner, lambda_, training):
    if not training:
        return x
    with torch.no_grad():
        m, s = x.mean((2, 3), keepdim=True), (x.var((2, 3), keepdim=True, unbiased=False) + 1e-6).sqrt()
        w = lambda_.reshape(-1, 1, 1, 1)
        return (x - m) / s * (w * s + (1 - w) * s[partner]) + w * m + (1 - w) * m[partner]


def weights_along_the_width(x, partner, lambda_, training):
    if not training:
        return x
    v, m = torch.var_mean(x.detach(), (2, 3), keepdim=True, correction=0)
    s = (v + 1e-6).sqrt()
    return (x - m) / s * (lambda_ * s + (1 - lambda_) * s[partner]) + lambda_ * m + (1 - lambda_) * m[partner]


def mixes_variances(x, partner, lambda_, training):
    if not training:
        return x
    v, m = torch.var_mean(x.detach(), (2, 3), keepdim=True, correction=0)
    w = lambda_[:, None, None, None]
    mixed = w * v + (1 - w) * v[partner]
    return (x - m) / (v + 1e-6).sqrt() * (mixed + 1e-6).sqrt() + w * m + (1 - w) * m[partner]


def mixes_in_place(x, partner, lambda_, training):
    if training:
        v, m = torch.var_mean(x.detach(), (2, 3), keepdim=True, correction=0)
        s = (v + 1e-6).sqrt()
        w = lambda_.view(-1, 1, 1, 1)
        x -= m
        x *= (w * s + (1 - w) * s[partner]) / s
        x += w * m + (1 - w) * m[partner]
    return x


def always_mixes(x, partner, lambda_, training):
    v, m = torch.var_mean(x.detach(), (2, 3), keepdim=True, correction=0)
    s = (v + 1e-6).sqrt()
    w = lambda_.view(-1, 1, 1, 1)
    return (x - m) / s * torch.lerp(s[partner], s, w) + torch.lerp(m[partner], m, w)


def lerps(x, partner, lambda_, training):
    if not training:
        return x
    v, m = torch.var_mean(x.detach(), (2, 3), keepdim=True, correction=0)
    s = (v + 1e-6).sqrt()
    w = lambda_.view(-1, 1, 1, 1)
    return (x - m) / s * torch.lerp(s[partner], s, w) + torch.lerp(m[partner], m, w)


# ── pixel_step ────────────────────────────────────────────────────────────────────────────────────────────────────────


def tracks_the_caller_s(loss, z, rate):
    z.requires_grad_()
    g = torch.autograd.grad(loss(z).sum(), z)[0]
    return (z - rate * g).detach().clamp(0, 1)


def with_adam(loss, z, rate):
    leaf = z.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([leaf], lr=rate)
    leaf.grad = torch.autograd.grad(loss(leaf).sum(), leaf)[0]
    optimizer.step()
    return leaf.detach().clamp(0, 1)


def mean_loss(loss, z, rate):
    leaf = z.detach().requires_grad_()
    return (z - rate * torch.autograd.grad(loss(leaf).mean(), leaf)[0]).clamp(0, 1)


def backward_and_zero(loss, z, rate):
    z = z.clone().detach().requires_grad_(True)
    loss(z).sum().backward()
    with torch.no_grad():
        new = (z - rate * z.grad).clamp(0, 1)
    for p in loss.parameters():
        p.grad = None
    return new


def freezes_and_thaws(loss, z, rate):
    for p in loss.parameters():
        p.requires_grad_(False)
    leaf = z.detach().clone().requires_grad_()
    loss(leaf).sum().backward()
    for p in loss.parameters():
        p.requires_grad_(True)
    return (leaf.detach() - rate * leaf.grad).clamp(0, 1)


def only_inner_pixels(loss, z, rate):
    leaf = z.detach().requires_grad_()
    g = torch.autograd.grad(loss(leaf).sum(), leaf)[0]
    g = torch.where((z >= 0) & (z <= 1), g, torch.zeros_like(g))
    return (z - rate * g).clamp(0, 1)


FRESH = [
    ("style.gram", view_instead_of_flatten, "right"),
    ("style.gram", with_numpy, "wrong"),
    ("style.gram", the_tutorial_s, "wrong"),
    ("style.gram", divides_by_everything, "wrong"),
    ("style.gram", swaps_height_and_channels, "wrong"),
    ("style.gram", adds_a_ridge, "wrong"),
    ("style.gram", correlation, "wrong"),
    ("style.style_loss", with_mse, "wrong"),
    ("style.style_loss", four_times_too_large, "wrong"),
    ("style.style_loss", no_mean_over_layers, "wrong"),
    ("style.style_loss", places_instead_of_channels, "wrong"),
    ("style.style_loss", stacks_and_averages_all, "wrong"),
    ("style.style_loss", as_floats, "wrong"),
    ("style.style_loss", norm_squared_by_layer, "right"),
    ("style.adain", with_std, "wrong"),
    ("style.adain", forgets_keepdim, "wrong"),
    ("style.adain", batch_norm_of_x, "wrong"),
    ("style.adain", strength_on_the_style_moments, "right"),
    ("style.adain", clamps_to_pixels, "wrong"),
    ("style.adain", no_strength, "wrong"),
    ("style.adain", group_norm_with_one_channel_each, "right"),
    ("style.total_variation", with_convolutions, "right"),
    ("style.total_variation", isotropic, "wrong"),
    ("style.total_variation", pads_with_zeros, "wrong"),
    ("style.total_variation", sums_and_divides_by_pixels, "wrong"),
    ("style.total_variation", a_number_for_the_batch, "wrong"),
    ("style.mixstyle", under_no_grad, "wrong"),
    ("style.mixstyle", weights_along_the_width, "wrong"),
    ("style.mixstyle", mixes_variances, "wrong"),
    ("style.mixstyle", mixes_in_place, "wrong"),
    ("style.mixstyle", always_mixes, "wrong"),
    ("style.mixstyle", lerps, "right"),
    ("style.pixel_step", tracks_the_caller_s, "wrong"),
    ("style.pixel_step", with_adam, "wrong"),
    ("style.pixel_step", mean_loss, "wrong"),
    ("style.pixel_step", backward_and_zero, "wrong"),
    ("style.pixel_step", freezes_and_thaws, "right"),
    ("style.pixel_step", only_inner_pixels, "wrong"),
]
