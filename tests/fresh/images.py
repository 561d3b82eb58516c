"""Answers to exercise 01, written afresh."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from labkit.augment import image
from labkit.augment.pipeline import Compose, OneOf, Sometimes

# ── affine_matrix ─────────────────────────────────────────────────────────────────────────────────────────────────────


def rotation_of_a_maths_book(degrees, scale, shift):
    theta = degrees * torch.pi / 180
    R = torch.zeros(len(degrees), 2, 2, dtype=degrees.dtype)
    R[:, 0, 0] = torch.cos(theta)
    R[:, 0, 1] = -torch.sin(theta)
    R[:, 1, 0] = torch.sin(theta)
    R[:, 1, 1] = torch.cos(theta)
    return torch.cat([scale[:, None, None] * R, shift[:, :, None]], dim=2)


def divides_by_360(degrees, scale, shift):
    a = degrees / 360 * math.pi
    c, s = torch.cos(a), torch.sin(a)
    return torch.stack([torch.stack([scale * c, scale * s, shift[:, 0]], 1),
                        torch.stack([-scale * s, scale * c, shift[:, 1]], 1)], 1)  # fmt: skip


def scale_on_the_diagonal_added(degrees, scale, shift):
    a = torch.deg2rad(degrees)
    m = torch.stack([torch.cos(a), torch.sin(a), -torch.sin(a), torch.cos(a)], dim=-1).view(-1, 2, 2)
    m = m + torch.diag_embed(torch.stack([scale, scale], 1))
    return torch.cat([m, shift.unsqueeze(2)], -1)


def shift_then_rotate(degrees, scale, shift):
    a = torch.deg2rad(degrees)
    m = torch.stack([torch.cos(a), torch.sin(a), -torch.sin(a), torch.cos(a)], dim=-1).view(-1, 2, 2)
    m = m * scale.view(-1, 1, 1)
    return torch.cat([m, m @ shift.unsqueeze(2)], -1)


def only_for_one_image(degrees, scale, shift):
    a = math.radians(float(degrees[0]))
    s, t = float(scale[0]), shift[0].tolist()
    return torch.tensor([[[s * math.cos(a), s * math.sin(a), t[0]], [-s * math.sin(a), s * math.cos(a), t[1]]]])


def math_cos_of_a_tensor(degrees, scale, shift):
    a = math.radians(degrees)
    return torch.tensor(
        [[scale * math.cos(a), scale * math.sin(a), shift[0]], [-scale * math.sin(a), scale * math.cos(a), shift[1]]]
    )


def absolute_angles(degrees, scale, shift):
    a = torch.deg2rad(degrees.abs())
    c, s = scale * torch.cos(a), scale * torch.sin(a)
    return torch.stack([torch.stack([c, s, shift[:, 0]], -1), torch.stack([-s, c, shift[:, 1]], -1)], 1)


def forgets_to_return(degrees, scale, shift):
    a = torch.deg2rad(degrees)
    c, s = scale * torch.cos(a), scale * torch.sin(a)
    torch.stack([torch.stack([c, s, shift[:, 0]], -1), torch.stack([-s, c, shift[:, 1]], -1)], 1)


def sine_by_pythagoras(degrees, scale, shift):
    c = torch.deg2rad(degrees).cos()
    s = torch.sqrt(1 - c**2)
    return torch.stack([torch.stack([scale * c, scale * s, shift[:, 0]], -1),
                        torch.stack([-scale * s, scale * c, shift[:, 1]], -1)], 1)  # fmt: skip


def by_a_product_of_matrices(degrees, scale, shift):
    n, dtype = len(degrees), degrees.dtype
    out = []
    for i in range(n):
        a = torch.deg2rad(degrees[i])
        S = torch.diag(torch.stack([scale[i], scale[i], torch.ones((), dtype=dtype)]))
        R = torch.eye(3, dtype=dtype)
        R[0, 0] = R[1, 1] = torch.cos(a)
        R[0, 1], R[1, 0] = torch.sin(a), -torch.sin(a)
        T = torch.eye(3, dtype=dtype)
        T[:2, 2] = shift[i]
        out.append((T @ R @ S)[:2])
    return torch.stack(out)


# ── warp ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def solves_forward(x, matrix):
    b, _, h, w = x.shape
    y = torch.zeros_like(x)
    for n in range(b):
        for i in range(h):
            for j in range(w):
                p = torch.tensor([j - (w - 1) / 2, i - (h - 1) / 2, 1.0], dtype=x.dtype)
                u, v = (matrix[n] @ p).tolist()
                u, v = round(u + (w - 1) / 2), round(v + (h - 1) / 2)
                if 0 <= u < w and 0 <= v < h:
                    y[n, :, v, u] = x[n, :, i, j]
    return y


def theta_normalised_the_wrong_way(x, matrix):
    h, w = x.shape[2:]
    inv = torch.linalg.inv(matrix[:, :, :2])
    t = -inv @ matrix[:, :, 2:]
    t = t / torch.tensor([[w / 2], [h / 2]], dtype=x.dtype)
    theta = torch.cat([inv, t], 2)  # forgets that a picture that isn't square changes the left part, too
    return F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)


def grid_in_minus_one_to_one(x, matrix):
    b, _, h, w = x.shape
    ys, xs = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    p = torch.stack([xs, ys, torch.ones_like(xs)], -1).to(x.dtype).view(-1, 3)
    full = torch.cat([matrix, torch.tensor([[[0, 0, 1.0]]], dtype=x.dtype).expand(b, -1, -1)], 1)
    grid = p @ torch.inverse(full)[:, :2].transpose(1, 2)
    return F.grid_sample(x, grid.view(b, h, w, 2), align_corners=False)


def warp_in_float32(x, matrix):
    h, w = x.shape[2:]
    xs = torch.arange(w) - (w - 1) / 2
    ys = torch.arange(h) - (h - 1) / 2
    gy, gx = torch.meshgrid(ys, xs, indexing="ij")
    p = torch.stack([gx, gy], -1).view(1, -1, 2) - matrix[:, None, :, 2].float()
    s = p @ torch.linalg.inv(matrix[:, :, :2].float()).mT / torch.tensor([w / 2, h / 2])
    return F.grid_sample(x.float(), s.view(-1, h, w, 2), align_corners=False)


def warp_with_reflection_and_no_inverse(x, matrix):
    h, w = x.shape[2:]
    xs = torch.arange(w, dtype=x.dtype) - (w - 1) / 2
    ys = torch.arange(h, dtype=x.dtype) - (h - 1) / 2
    gy, gx = torch.meshgrid(ys, xs, indexing="ij")
    p = torch.stack([gx, gy, torch.ones_like(gx)], -1).view(-1, 3)
    s = p @ matrix.mT / torch.tensor([w / 2, h / 2], dtype=x.dtype)
    return F.grid_sample(x, s.view(-1, h, w, 2), padding_mode="border", align_corners=False)


def warp_only_shifts(x, matrix):
    out = torch.zeros_like(x)
    for n, m in enumerate(matrix):
        out[n] = torch.roll(x[n], shifts=(int(m[1, 2]), int(m[0, 2])), dims=(1, 2))
    return out


def warp_image_by_image(x, matrix):
    results = []
    for picture, m in zip(x, matrix):
        h, w = picture.shape[-2:]
        back = torch.linalg.inv(torch.cat([m, torch.tensor([[0.0, 0.0, 1.0]], dtype=m.dtype)]))
        i, j = torch.meshgrid(torch.arange(h, dtype=x.dtype), torch.arange(w, dtype=x.dtype), indexing="ij")
        p = torch.stack([j.flatten() - (w - 1) / 2, i.flatten() - (h - 1) / 2, torch.ones(h * w, dtype=x.dtype)])
        u, v, _ = back @ p
        grid = torch.stack([2 * u / w, 2 * v / h], -1).view(1, h, w, 2)
        results.append(F.grid_sample(picture.unsqueeze(0), grid, align_corners=False))
    return torch.cat(results)


# ── saturation ────────────────────────────────────────────────────────────────────────────────────────────────────────


def luma_of_television(x, factor):
    r, g, b = x.unbind(1)
    grey = (0.2126 * r + 0.7152 * g + 0.0722 * b).unsqueeze(1)
    return (grey + factor[:, None, None, None] * (x - grey)).clamp(0, 1)


def saturation_without_unsqueeze(x, factor):
    grey = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    return (grey + factor.view(-1, 1, 1, 1) * (x - grey)).clamp(0, 1)


def mean_of_all_factors(x, factor):
    w = torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype)
    grey = torch.einsum("bchw,c->bhw", x, w).unsqueeze(1)
    return torch.clamp(grey + factor.mean() * (x - grey), 0, 1)


def clamps_the_factor_at_zero(x, factor):
    f = factor.clamp(min=0).reshape(-1, 1, 1, 1)
    grey = 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]
    return (f * x + (1 - f) * grey).clamp(0, 1)


def sigmoid_for_clamp(x, factor):
    grey = 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]
    y = grey + factor.view(-1, 1, 1, 1) * (x - grey)
    return (y - y.min()) / (y.max() - y.min())


def saturation_through_hsv(x, factor):
    top, low = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    return (top - factor.view(-1, 1, 1, 1) * (top - x)).clamp(0, 1) + 0 * low


def saturation_returning_grey_pictures_of_one_channel(x, factor):
    grey = (x * torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype).view(3, 1, 1)).sum(1)
    return (grey + factor.view(-1, 1, 1) * (x.mean(1) - grey)).clamp(0, 1)


def saturation_by_lerp(x, factor):
    grey = 0.299 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]
    return torch.lerp(grey.repeat(1, 3, 1, 1), x, factor.view(len(x), 1, 1, 1)).clip(0, 1)


# ── salt_and_pepper ───────────────────────────────────────────────────────────────────────────────────────────────────


def normal_noise_for_uniform(x, rate, generator):
    u = torch.randn(len(x), 1, *x.shape[2:], generator=generator)
    r = rate.view(-1, 1, 1, 1)
    y = torch.where(u < r / 2, torch.zeros_like(x), x)
    return torch.where(u > 1 - r / 2, torch.ones_like(x), y)


def salt_by_numpy(x, rate, generator):
    y = x.clone()
    for i in range(len(x)):
        mask = torch.from_numpy(np.random.rand(*x.shape[2:])) < float(rate[i])
        colour = torch.from_numpy(np.random.randint(0, 2, x.shape[2:])).to(x.dtype)
        y[i] = torch.where(mask, colour, x[i])
    return y


def salt_with_the_first_rate(x, rate, generator):
    u = torch.rand(x.shape[0], 1, x.shape[2], x.shape[3], generator=generator)
    return torch.where(u < rate[0] / 2, 0.0, torch.where(u > 1 - rate[0] / 2, 1.0, x)).to(x.dtype)


def whole_pictures(x, rate, generator):
    u = torch.rand(len(x), 1, 1, 1, generator=generator)
    r = rate.view(-1, 1, 1, 1)
    y = torch.where(u < r / 2, torch.zeros_like(x), x)
    return torch.where(u > 1 - r / 2, torch.ones_like(x), y)


def grey_noise(x, rate, generator):
    u = torch.rand(len(x), 1, *x.shape[2:], generator=generator)
    v = torch.rand(len(x), 1, *x.shape[2:], generator=generator)
    return torch.where(u < rate.view(-1, 1, 1, 1), v.to(x.dtype), x)


def colour_of_each_picture(x, rate, generator):
    hit = torch.rand(len(x), 1, *x.shape[2:], generator=generator) < rate.view(-1, 1, 1, 1)
    colour = (torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5).to(x.dtype)
    return torch.where(hit, colour, x)


def changes_x_itself(x, rate, generator):
    u = torch.rand(len(x), *x.shape[2:], generator=generator)
    for i in range(len(x)):
        x[i, :, u[i] < rate[i] / 2] = 0.0
        x[i, :, u[i] > 1 - rate[i] / 2] = 1.0
    return x


def salt_with_a_permutation(x, rate, generator):
    y = x.clone()
    for picture, r in zip(y, rate.tolist()):
        h, w = picture.shape[1:]
        u = torch.rand(h * w, generator=generator).view(h, w)
        picture.masked_fill_((u <= r / 2) & (u < r), 0.0)
        picture.masked_fill_((u > r / 2) & (u < r), 1.0)
    return y


# ── filter2d ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def loses_the_corners(x, kernel):
    k, l = kernel.shape  # noqa: E741
    y = x.clone()
    p = F.conv2d(x.reshape(-1, 1, *x.shape[2:]), kernel[None, None]).view(*x.shape[:2], x.shape[2] - k + 1, -1)
    y[:, :, k // 2 : x.shape[2] - k // 2, l // 2 : x.shape[3] - l // 2] = p
    return y


def one_kernel_for_three_channels(x, kernel):
    k, l = kernel.shape  # noqa: E741
    padded = F.pad(x, (l // 2, l // 2, k // 2, k // 2), mode="reflect")
    return F.conv2d(padded, kernel.view(1, 1, k, l).repeat(3, 1, 1, 1), groups=3)


def reads_the_kernel_with_numpys_convolve(x, kernel):
    from scipy.ndimage import convolve

    return torch.from_numpy(np.stack([[convolve(c, kernel.numpy(), mode="mirror") for c in p] for p in x.numpy()]))


def mirrors_with_the_border(x, kernel):
    from scipy.ndimage import correlate

    return torch.from_numpy(np.stack([[correlate(c, kernel.numpy(), mode="reflect") for c in p] for p in x.numpy()]))


def square_padding(x, kernel):
    k = kernel.shape[0]
    padded = F.pad(x, (k // 2,) * 4, mode="reflect")
    return F.conv2d(padded.flatten(0, 1)[:, None], kernel[None, None]).view(*x.shape[:2], *x.shape[2:])


def correlates_with_scipy(x, kernel):
    from scipy.ndimage import correlate

    pictures = [[correlate(c, kernel.numpy(), mode="mirror") for c in p] for p in x.numpy()]
    return torch.tensor(np.array(pictures), dtype=x.dtype)


# ── policy ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def policy_that_rotates_by_right_angles(x, generator):
    k = int(torch.randint(0, 4, (1,), generator=generator))
    return torch.rot90(x, k, (2, 3))


def policy_that_shuffles_the_digits(x, generator):
    return x[torch.randperm(len(x), generator=generator)]


def policy_that_inverts(x, generator):
    return torch.where(torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5, 1 - x, x)


def policy_with_rolls(x, generator):
    dy, dx = torch.randint(-1, 2, (2,), generator=generator).tolist()
    return torch.roll(x, (dy, dx), (2, 3))


def policy_that_forgets_the_call(x, generator):
    return Compose([image.Rotate(degrees=30), image.Translate(dx=1, dy=1)])


def policy_that_is_too_strong(x, generator):
    return Compose([image.Rotate(degrees=90), image.Translate(dx=4, dy=4)])(x, generator=generator)


def policy_with_blur(x, generator):
    return image.GaussianBlur()(x, generator=generator)


def policy_with_one_of_three(x, generator):
    steps = [image.Rotate(degrees=30), image.Translate(dx=1, dy=1)]
    return OneOf([Compose(steps), Compose(steps[::-1])])(x, generator=generator)


def policy_with_noise_too(x, generator):
    steps = [image.Affine(degrees=30, dx=1, dy=1, scale=0.05), Sometimes(image.GaussianNoise(), p=0.3)]
    return Compose(steps)(x, generator=generator).clamp(0, 1)


FRESH = [
    ("images.affine_matrix", rotation_of_a_maths_book, "wrong"),
    ("images.affine_matrix", divides_by_360, "wrong"),
    ("images.affine_matrix", scale_on_the_diagonal_added, "wrong"),
    ("images.affine_matrix", shift_then_rotate, "wrong"),
    ("images.affine_matrix", only_for_one_image, "wrong"),
    ("images.affine_matrix", math_cos_of_a_tensor, "wrong"),
    ("images.affine_matrix", absolute_angles, "wrong"),
    ("images.affine_matrix", forgets_to_return, "wrong"),
    ("images.affine_matrix", sine_by_pythagoras, "wrong"),
    ("images.affine_matrix", by_a_product_of_matrices, "right"),
    ("images.warp", solves_forward, "wrong"),
    ("images.warp", theta_normalised_the_wrong_way, "wrong"),
    ("images.warp", grid_in_minus_one_to_one, "wrong"),
    ("images.warp", warp_in_float32, "wrong"),
    ("images.warp", warp_with_reflection_and_no_inverse, "wrong"),
    ("images.warp", warp_only_shifts, "wrong"),
    ("images.warp", warp_image_by_image, "right"),
    ("images.saturation", luma_of_television, "wrong"),
    ("images.saturation", saturation_without_unsqueeze, "wrong"),
    ("images.saturation", mean_of_all_factors, "wrong"),
    ("images.saturation", clamps_the_factor_at_zero, "wrong"),
    ("images.saturation", sigmoid_for_clamp, "wrong"),
    ("images.saturation", saturation_through_hsv, "wrong"),
    ("images.saturation", saturation_returning_grey_pictures_of_one_channel, "wrong"),
    ("images.saturation", saturation_by_lerp, "right"),
    ("images.salt_and_pepper", normal_noise_for_uniform, "wrong"),
    ("images.salt_and_pepper", salt_by_numpy, "wrong"),
    ("images.salt_and_pepper", salt_with_the_first_rate, "wrong"),
    ("images.salt_and_pepper", whole_pictures, "wrong"),
    ("images.salt_and_pepper", grey_noise, "wrong"),
    ("images.salt_and_pepper", colour_of_each_picture, "wrong"),
    ("images.salt_and_pepper", changes_x_itself, "wrong"),
    ("images.salt_and_pepper", salt_with_a_permutation, "right"),
    ("images.filter2d", loses_the_corners, "wrong"),
    ("images.filter2d", one_kernel_for_three_channels, "wrong"),
    ("images.filter2d", reads_the_kernel_with_numpys_convolve, "wrong"),
    ("images.filter2d", mirrors_with_the_border, "wrong"),
    ("images.filter2d", square_padding, "wrong"),
    ("images.filter2d", correlates_with_scipy, "right"),
    ("images.policy", policy_that_rotates_by_right_angles, "wrong"),
    ("images.policy", policy_that_shuffles_the_digits, "wrong"),
    ("images.policy", policy_that_inverts, "wrong"),
    ("images.policy", policy_with_rolls, "wrong"),
    ("images.policy", policy_that_forgets_the_call, "wrong"),
    ("images.policy", policy_that_is_too_strong, "wrong"),
    ("images.policy", policy_with_blur, "wrong"),
    ("images.policy", policy_with_one_of_three, "right"),
    ("images.policy", policy_with_noise_too, "right"),
]
