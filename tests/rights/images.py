"""Right answers to exercise 01, written differently."""

import math

import torch

from tests.rights import right

# ── affine_matrix ─────────────────────────────────────────────────────────────────────────────────────────────────────


@right("images.affine_matrix")
def one_image_at_a_time(degrees, scale, shift):
    out = []
    for d, s, t in zip(degrees.tolist(), scale.tolist(), shift.tolist()):
        a = math.radians(d)
        out.append([[s * math.cos(a), s * math.sin(a), t[0]], [-s * math.sin(a), s * math.cos(a), t[1]]])
    return torch.tensor(out, dtype=degrees.dtype)


@right("images.affine_matrix")
def by_the_matrix_exponential(degrees, scale, shift):
    turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=degrees.dtype)
    linear = torch.linalg.matrix_exp(turn * (degrees * math.pi / 180).view(-1, 1, 1)) * scale.view(-1, 1, 1)
    return torch.cat([linear, shift.unsqueeze(-1)], dim=-1)


# ── warp ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("images.warp")
def with_affine_grid_in_halves_of_the_image(x, matrix):
    h, w = x.shape[2:]
    half = torch.tensor([w / 2, h / 2], dtype=x.dtype)
    linear = torch.linalg.inv(matrix[:, :, :2])
    shift = -linear @ matrix[:, :, 2:]
    theta = torch.cat([linear * half / half[:, None], shift / half[:, None]], dim=2)
    return torch.nn.functional.grid_sample(
        x, torch.nn.functional.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False
    )


@right("images.warp")
def with_aligned_corners_throughout(x, matrix):
    out = []
    for image_, m in zip(x, matrix):
        h, w = image_.shape[1:]
        rows, columns = torch.meshgrid(torch.arange(h, dtype=x.dtype), torch.arange(w, dtype=x.dtype), indexing="ij")
        p = torch.stack([columns - (w - 1) / 2 - m[0, 2], rows - (h - 1) / 2 - m[1, 2]])
        source = torch.einsum("ij,jhw->hwi", torch.linalg.inv(m[:, :2]), p)
        grid = source / torch.tensor([(w - 1) / 2, (h - 1) / 2], dtype=x.dtype)
        out.append(torch.nn.functional.grid_sample(image_[None], grid[None], align_corners=True)[0])
    return torch.stack(out)


@right("images.warp")
def pixel_by_pixel(x, matrix):
    b, _, h, w = x.shape
    y = torch.zeros_like(x)
    for n in range(b):
        for row in range(h):
            for column in range(w):
                p = torch.tensor([column - (w - 1) / 2, row - (h - 1) / 2], dtype=x.dtype) - matrix[n, :, 2]
                u, v = (torch.linalg.inv(matrix[n, :, :2]) @ p).tolist()
                u, v = u + (w - 1) / 2, v + (h - 1) / 2
                for i in (math.floor(v), math.floor(v) + 1):
                    for j in (math.floor(u), math.floor(u) + 1):
                        if 0 <= i < h and 0 <= j < w:
                            y[n, :, row, column] += (1 - abs(v - i)) * (1 - abs(u - j)) * x[n, :, i, j]
    return y


# ── saturation ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("images.saturation")
def by_linear_interpolation_in_numpy(x, factor):
    pixels, f = x.numpy(), factor.numpy().reshape(-1, 1, 1, 1)
    grey = 0.299 * pixels[:, :1] + 0.587 * pixels[:, 1:2] + 0.114 * pixels[:, 2:]
    return ((1 - f) * grey + f * pixels).clip(0, 1).astype(pixels.dtype)


@right("images.saturation")
def with_torchvisions_weights_and_a_loop(x, factor):
    out = []
    for picture, f in zip(x, factor):
        grey = 0.2989 * picture[0] + 0.587 * picture[1] + 0.114 * picture[2]
        out.append(torch.clamp(torch.lerp(grey.expand_as(picture), picture, f), 0, 1))
    return torch.stack(out)


# ── salt_and_pepper ───────────────────────────────────────────────────────────────────────────────────────────────────


@right("images.salt_and_pepper")
def two_coins_a_pixel(x, rate, generator):
    shape = (len(x), 1, *x.shape[2:])
    hit = torch.rand(shape, generator=generator) < rate.view(-1, 1, 1, 1)
    white = torch.randint(0, 2, shape, generator=generator).to(x.dtype)
    return torch.where(hit, white, x)


@right("images.salt_and_pepper")
def image_by_image_with_bernoulli(x, rate, generator):
    y = x.clone()
    for picture, r in zip(y, rate):
        hit = torch.bernoulli(torch.full(picture.shape[1:], float(r)), generator=generator).bool()
        picture[:, hit] = (torch.rand(int(hit.sum()), generator=generator) < 0.5).to(x.dtype)
    return y


# ── filter2d ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("images.filter2d")
def as_a_depthwise_convolution(x, kernel):
    k, m = kernel.shape
    c = x.shape[1]
    padded = torch.nn.functional.pad(x, (m // 2, m // 2, k // 2, k // 2), mode="reflect")
    return torch.nn.functional.conv2d(padded, kernel.expand(c, 1, k, m), groups=c)


@right("images.filter2d")
def as_a_sum_of_shifted_images(x, kernel):
    (k, m), (h, w) = kernel.shape, x.shape[2:]
    rows = [abs(i) if i < h else 2 * (h - 1) - i for i in range(-(k // 2), h + k // 2)]
    columns = [abs(j) if j < w else 2 * (w - 1) - j for j in range(-(m // 2), w + m // 2)]
    padded = x[:, :, rows][:, :, :, columns]
    return sum(kernel[a, b] * padded[:, :, a : a + h, b : b + w] for a in range(k) for b in range(m))


# ── policy ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("images.policy")
def affine_with_a_little_scale(x, generator):
    from labkit.augment import image

    return image.Affine(degrees=30, dx=1, dy=1, scale=0.1)(x, generator=generator)


@right("images.policy")
def by_hand_with_affine_grid(x, generator):
    n = len(x)
    angle = (torch.rand(n, generator=generator) - 0.5) * 2 * math.radians(30)
    shift = (torch.rand(n, 2, generator=generator) - 0.5) * 2 * 0.25
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = torch.cos(angle)
    theta[:, 0, 1], theta[:, 1, 0] = -torch.sin(angle), torch.sin(angle)
    theta[:, :, 2] = shift
    grid = torch.nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
    return torch.nn.functional.grid_sample(x, grid, align_corners=False).clamp(0, 1)


@right("images.policy")
def either_turned_or_moved_or_both(x, generator):
    from labkit.augment import image
    from labkit.augment.pipeline import Compose, Sometimes

    parts = [Sometimes(image.Rotate(degrees=35), p=0.8), Sometimes(image.Translate(dx=1.2, dy=1.2), p=0.8)]
    return Compose(parts)(x, generator=generator)


# ── and some more of each ─────────────────────────────────────────────────────────────────────────────────────────────


@right("images.affine_matrix")
def entry_by_entry_into_zeros(degrees, scale, shift):
    matrix = torch.zeros(len(degrees), 2, 3, dtype=degrees.dtype)
    a = degrees / 180 * math.pi
    matrix[:, 0, 0] = matrix[:, 1, 1] = scale * a.cos()
    matrix[:, 0, 1], matrix[:, 1, 0] = scale * a.sin(), -scale * a.sin()
    matrix[:, 0, 2], matrix[:, 1, 2] = shift.T
    return matrix


@right("images.affine_matrix")
def by_complex_numbers(degrees, scale, shift):
    turn = torch.view_as_real(torch.polar(scale, -torch.deg2rad(degrees)))
    return torch.stack([turn[:, 0], -turn[:, 1], shift[:, 0], turn[:, 1], turn[:, 0], shift[:, 1]], 1).view(-1, 2, 3)


@right("images.affine_matrix")
def in_numpy(degrees, scale, shift):
    import numpy as np

    a, s, t = np.radians(degrees.numpy()), scale.numpy(), shift.numpy()
    rows = [[s * np.cos(a), s * np.sin(a), t[:, 0]], [-s * np.sin(a), s * np.cos(a), t[:, 1]]]
    return np.array(rows).transpose(2, 0, 1).astype(degrees.numpy().dtype)


@right("images.warp")
def by_gathering_four_neighbours(x, matrix):
    b, c, h, w = x.shape
    rows, columns = torch.meshgrid(torch.arange(h).to(x), torch.arange(w).to(x), indexing="ij")
    p = torch.stack([columns - (w - 1) / 2, rows - (h - 1) / 2]).reshape(1, 2, -1)
    u, v = torch.linalg.solve(matrix[:, :, :2], p - matrix[:, :, 2:]).unbind(1)
    u, v = u + (w - 1) / 2, v + (h - 1) / 2
    y = torch.zeros(b, c, h * w, dtype=x.dtype)
    for i in (v.floor(), v.floor() + 1):
        for j in (u.floor(), u.floor() + 1):
            weight = (1 - (v - i).abs()) * (1 - (u - j).abs()) * ((i >= 0) & (i < h) & (j >= 0) & (j < w))
            index = (i.clamp(0, h - 1) * w + j.clamp(0, w - 1)).long()
            y += weight[:, None] * x.flatten(2).gather(2, index[:, None].expand(-1, c, -1))
    return y.view_as(x)


@right("images.warp")
def with_homogeneous_matrices(x, matrix):
    h, w = x.shape[-2:]
    last = torch.tensor([[[0.0, 0.0, 1.0]]], dtype=x.dtype).repeat(len(x), 1, 1)
    back = torch.cat([matrix, last], dim=1).inverse()[:, :2]
    unit = torch.diag(torch.tensor([w / 2, h / 2, 1.0], dtype=x.dtype))
    theta = torch.linalg.inv(unit[:2, :2]) @ back @ unit
    grid = torch.nn.functional.affine_grid(theta, x.size(), align_corners=False)
    return torch.nn.functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@right("images.saturation")
def by_einsum(x, factor):
    grey = torch.einsum("bchw,c->bhw", x, torch.tensor([0.299, 0.587, 0.114]).to(x))[:, None]
    return torch.clip(factor[:, None, None, None] * x + (1 - factor)[:, None, None, None] * grey, min=0, max=1)


@right("images.saturation")
def channel_by_channel(x, factor):
    red, green, blue = x[:, 0], x[:, 1], x[:, 2]
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    f = factor.reshape(len(factor), 1, 1)
    channels = [grey + f * (channel - grey) for channel in (red, green, blue)]
    return torch.stack(channels, dim=1).clip(0.0, 1.0)


@right("images.salt_and_pepper")
def with_masks_in_place(x, rate, generator):
    y, u = x.clone(), torch.rand(x.shape[0], x.shape[2], x.shape[3], generator=generator)
    r = rate[:, None, None]
    y[(u < r / 2)[:, None].expand_as(y)] = 1.0
    y[((u >= r / 2) & (u < r))[:, None].expand_as(y)] = 0.0
    return y


@right("images.salt_and_pepper")
def with_a_category_for_each_pixel(x, rate, generator):
    b, _, h, w = x.shape
    p = torch.stack([1 - rate, rate / 2, rate / 2], dim=1)
    kind = torch.multinomial(p, h * w, replacement=True, generator=generator).view(b, 1, h, w)
    return torch.where(kind == 0, x, (kind == 2).to(x.dtype))


@right("images.filter2d")
def by_unfolding(x, kernel):
    k, m = kernel.shape
    padded = torch.nn.functional.pad(x, (m // 2, m // 2, k // 2, k // 2), mode="reflect")
    patches = padded.unfold(2, k, 1).unfold(3, m, 1)
    return torch.einsum("bchwkm,km->bchw", patches, kernel)


@right("images.filter2d")
def image_by_image_and_channel_by_channel(x, kernel):
    k, m = kernel.shape
    images = []
    for picture in torch.nn.ReflectionPad2d((m // 2, m // 2, k // 2, k // 2))(x):
        images.append(torch.stack([torch.conv2d(c[None, None], kernel[None, None])[0, 0] for c in picture]))
    return torch.stack(images)


@right("images.policy")
def with_a_little_noise_and_brightness(x, generator):
    from labkit.augment import image
    from labkit.augment.pipeline import Compose

    steps = [image.Rotate(degrees=30), image.Translate(dx=1, dy=1), image.GaussianNoise((0.0, 0.05))]
    return Compose([*steps, image.Brightness(0.2)])(x, generator=generator)
