"""Answers to exercise 01 that students plausibly give."""

import math

import torch

from tests.mistakes import mistake, right

# ── affine_matrix ─────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("images.affine_matrix", says="radians")
def degrees_taken_for_radians(degrees, scale, shift):
    cos, sin = scale * torch.cos(degrees), scale * torch.sin(degrees)
    rows = [torch.stack([cos, sin, shift[:, 0]], -1), torch.stack([-sin, cos, shift[:, 1]], -1)]
    return torch.stack(rows, 1)


@mistake("images.affine_matrix", says="clockwise")
def turns_as_in_a_textbook_where_y_points_up(degrees, scale, shift):
    a = torch.deg2rad(degrees)
    cos, sin = scale * torch.cos(a), scale * torch.sin(a)
    rows = [torch.stack([cos, -sin, shift[:, 0]], -1), torch.stack([sin, cos, shift[:, 1]], -1)]
    return torch.stack(rows, 1)


@mistake("images.affine_matrix", says="scale is missing")
def forgets_the_scale(degrees, scale, shift):
    a = torch.deg2rad(degrees)
    cos, sin = torch.cos(a), torch.sin(a)
    rows = [torch.stack([cos, sin, shift[:, 0]], -1), torch.stack([-sin, cos, shift[:, 1]], -1)]
    return torch.stack(rows, 1)


@mistake("images.affine_matrix", says="shift is scaled too")
def scales_the_whole_matrix(degrees, scale, shift):
    a = torch.deg2rad(degrees)
    cos, sin = torch.cos(a), torch.sin(a)
    rows = [torch.stack([cos, sin, shift[:, 0]], -1), torch.stack([-sin, cos, shift[:, 1]], -1)]
    return scale[:, None, None] * torch.stack(rows, 1)


@mistake("images.affine_matrix", says="x and y exchanged")
def takes_the_shift_as_row_and_column(degrees, scale, shift):
    a = torch.deg2rad(degrees)
    cos, sin = scale * torch.cos(a), scale * torch.sin(a)
    rows = [torch.stack([cos, sin, shift[:, 1]], -1), torch.stack([-sin, cos, shift[:, 0]], -1)]
    return torch.stack(rows, 1)


@mistake("images.affine_matrix", says="shape")
def stacks_along_the_wrong_dimension(degrees, scale, shift):
    a = torch.deg2rad(degrees)
    cos, sin = scale * torch.cos(a), scale * torch.sin(a)
    return torch.stack([torch.stack([cos, sin, shift[:, 0]]), torch.stack([-sin, cos, shift[:, 1]])])


@mistake("images.affine_matrix", says="dtype")
def makes_everything_float32(degrees, scale, shift):
    matrix = torch.zeros(len(degrees), 2, 3)
    a = torch.deg2rad(degrees)
    matrix[:, 0, 0] = matrix[:, 1, 1] = scale * torch.cos(a)
    matrix[:, 0, 1] = scale * torch.sin(a)
    matrix[:, 1, 0] = -matrix[:, 0, 1]
    matrix[:, :, 2] = shift
    return matrix


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


@mistake("images.warp", says="wrong way")
def forgets_the_inverse(x, matrix):
    h, w = x.shape[2:]
    xs = torch.arange(w, dtype=x.dtype) - (w - 1) / 2
    ys = torch.arange(h, dtype=x.dtype) - (h - 1) / 2
    p = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).reshape(-1, 2)
    source = p @ matrix[:, :, :2].transpose(1, 2) + matrix[:, None, :, 2]
    half = torch.tensor([w / 2, h / 2], dtype=x.dtype)
    return torch.nn.functional.grid_sample(x, (source / half).view(-1, h, w, 2), align_corners=False)


@mistake("images.warp", says="first matrix")
def uses_the_first_matrix_for_all(x, matrix):
    h, w = x.shape[2:]
    xs = torch.arange(w, dtype=x.dtype) - (w - 1) / 2
    ys = torch.arange(h, dtype=x.dtype) - (h - 1) / 2
    p = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).reshape(-1, 2)
    source = (p - matrix[0, :, 2]) @ torch.linalg.inv(matrix[0, :, :2]).T
    grid = (source / torch.tensor([w / 2, h / 2], dtype=x.dtype)).view(1, h, w, 2).expand(len(x), -1, -1, -1)
    return torch.nn.functional.grid_sample(x, grid, align_corners=False)


@mistake("images.warp", says="height and width")
def confuses_height_and_width(x, matrix):
    h, w = x.shape[2:]
    xs = torch.arange(w, dtype=x.dtype) - (w - 1) / 2
    ys = torch.arange(h, dtype=x.dtype) - (h - 1) / 2
    p = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).reshape(1, -1, 2)
    source = (p - matrix[:, None, :, 2]) @ torch.linalg.inv(matrix[:, :, :2]).transpose(1, 2)
    half = torch.tensor([h / 2, w / 2], dtype=x.dtype)
    return torch.nn.functional.grid_sample(x, (source / half).view(-1, h, w, 2), align_corners=False)


@mistake("images.warp", says="align_corners")
def mixes_the_two_conventions_of_grid_sample(x, matrix):
    h, w = x.shape[2:]
    xs = torch.arange(w, dtype=x.dtype) - (w - 1) / 2
    ys = torch.arange(h, dtype=x.dtype) - (h - 1) / 2
    p = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).reshape(1, -1, 2)
    source = (p - matrix[:, None, :, 2]) @ torch.linalg.inv(matrix[:, :, :2]).transpose(1, 2)
    half = torch.tensor([w / 2, h / 2], dtype=x.dtype)
    return torch.nn.functional.grid_sample(x, (source / half).view(-1, h, w, 2), align_corners=True)


@mistake("images.warp", says="nearest")
def takes_the_nearest_pixel(x, matrix):
    h, w = x.shape[2:]
    xs = torch.arange(w, dtype=x.dtype) - (w - 1) / 2
    ys = torch.arange(h, dtype=x.dtype) - (h - 1) / 2
    p = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).reshape(1, -1, 2)
    source = (p - matrix[:, None, :, 2]) @ torch.linalg.inv(matrix[:, :, :2]).transpose(1, 2)
    grid = (source / torch.tensor([w / 2, h / 2], dtype=x.dtype)).view(-1, h, w, 2)
    return torch.nn.functional.grid_sample(x, grid, mode="nearest", align_corners=False)


@mistake("images.warp", says="border")
def repeats_the_border_outside(x, matrix):
    h, w = x.shape[2:]
    xs = torch.arange(w, dtype=x.dtype) - (w - 1) / 2
    ys = torch.arange(h, dtype=x.dtype) - (h - 1) / 2
    p = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).reshape(1, -1, 2)
    source = (p - matrix[:, None, :, 2]) @ torch.linalg.inv(matrix[:, :, :2]).transpose(1, 2)
    grid = (source / torch.tensor([w / 2, h / 2], dtype=x.dtype)).view(-1, h, w, 2)
    return torch.nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


@mistake("images.warp", says="halves of the image")
def hands_pixels_to_affine_grid(x, matrix):
    linear = torch.linalg.inv(matrix[:, :, :2])
    back = torch.cat([linear, -linear @ matrix[:, :, 2:]], dim=2)
    grid = torch.nn.functional.affine_grid(back, list(x.shape), align_corners=False)
    return torch.nn.functional.grid_sample(x, grid, align_corners=False)


@mistake("images.warp", says="exchanges x and y")
def gives_grid_sample_rows_before_columns(x, matrix):
    h, w = x.shape[2:]
    xs = torch.arange(w, dtype=x.dtype) - (w - 1) / 2
    ys = torch.arange(h, dtype=x.dtype) - (h - 1) / 2
    p = torch.stack(torch.meshgrid(ys, xs, indexing="ij"), -1).reshape(1, -1, 2)
    source = (p - matrix[:, None, :, 2]) @ torch.linalg.inv(matrix[:, :, :2]).transpose(1, 2)
    half = torch.tensor([h / 2, w / 2], dtype=x.dtype)
    return torch.nn.functional.grid_sample(x, (source / half).flip(-1).view(-1, h, w, 2), align_corners=False)


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


@mistake("images.saturation", says="plain mean")
def takes_grey_for_the_mean(x, factor):
    grey = x.mean(1, keepdim=True)
    return (grey + factor.view(-1, 1, 1, 1) * (x - grey)).clamp(0, 1)


@mistake("images.saturation", says="clamp")
def leaves_the_range(x, factor):
    grey = (x * torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return grey + factor.view(-1, 1, 1, 1) * (x - grey)


@mistake("images.saturation", says="wrong way round")
def mixes_towards_grey(x, factor):
    f = factor.view(-1, 1, 1, 1)
    grey = (x * torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (f * grey + (1 - f) * x).clamp(0, 1)


@mistake("images.saturation", says="factor of the first")
def uses_one_factor_for_all(x, factor):
    grey = (x * torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (grey + factor[0] * (x - grey)).clamp(0, 1)


@mistake("images.saturation", says="order")
def weighs_blue_green_red(x, factor):
    grey = (x * torch.tensor([0.114, 0.587, 0.299], dtype=x.dtype).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (grey + factor.view(-1, 1, 1, 1) * (x - grey)).clamp(0, 1)


@mistake("images.saturation", says="in place")
def writes_into_its_input(x, factor):
    grey = (x * torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype).view(1, 3, 1, 1)).sum(1, keepdim=True)
    x -= grey
    x *= factor.view(-1, 1, 1, 1)
    x += grey
    return x.clamp_(0, 1)


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


@mistake("images.salt_and_pepper", says="twice as many")
def takes_the_rate_for_each_colour(x, rate, generator):
    u = torch.rand(len(x), 1, *x.shape[2:], generator=generator)
    r = rate.view(-1, 1, 1, 1)
    return torch.where(u < r, torch.zeros_like(x), torch.where(u > 1 - r, torch.ones_like(x), x))


@mistake("images.salt_and_pepper", says="coloured specks")
def draws_a_number_for_every_channel(x, rate, generator):
    u = torch.rand(x.shape, generator=generator)
    r = rate.view(-1, 1, 1, 1) / 2
    return torch.where(u < r, torch.zeros_like(x), torch.where(u > 1 - r, torch.ones_like(x), x))


@mistake("images.salt_and_pepper", says="no pepper")
def only_salts(x, rate, generator):
    u = torch.rand(len(x), 1, *x.shape[2:], generator=generator)
    return torch.where(u < rate.view(-1, 1, 1, 1), torch.ones_like(x), x)


@mistake("images.salt_and_pepper", says="draw from `generator`")
def ignores_the_generator(x, rate, generator):
    u = torch.rand(len(x), 1, *x.shape[2:])
    r = rate.view(-1, 1, 1, 1) / 2
    return torch.where(u < r, torch.zeros_like(x), torch.where(u > 1 - r, torch.ones_like(x), x))


@mistake("images.salt_and_pepper", says="same noise")
def gives_every_image_the_same_noise(x, rate, generator):
    u = torch.rand(1, 1, *x.shape[2:], generator=generator)
    r = rate.view(-1, 1, 1, 1) / 2
    return torch.where(u < r, torch.zeros_like(x), torch.where(u > 1 - r, torch.ones_like(x), x))


@mistake("images.salt_and_pepper", says="without seeding")
def seeds_the_generator_itself(x, rate, generator):
    generator.manual_seed(0)
    u = torch.rand(len(x), 1, *x.shape[2:], generator=generator)
    r = rate.view(-1, 1, 1, 1) / 2
    return torch.where(u < r, torch.zeros_like(x), torch.where(u > 1 - r, torch.ones_like(x), x))


@mistake("images.salt_and_pepper", says="neither black")
def adds_noise_instead_of_replacing(x, rate, generator):
    u = torch.rand(len(x), 1, *x.shape[2:], generator=generator)
    r = rate.view(-1, 1, 1, 1) / 2
    return x + 0.5 * (u < r) - 0.5 * (u > 1 - r)


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


@mistake("images.filter2d", says="zeros")
def pads_with_zeros(x, kernel):
    k, m = kernel.shape
    y = torch.nn.functional.conv2d(x.flatten(0, 1)[:, None], kernel[None, None], padding=(k // 2, m // 2))
    return y.view_as(x)


@mistake("images.filter2d", says="180°")
def flips_the_kernel(x, kernel):
    k, m = kernel.shape
    padded = torch.nn.functional.pad(x, (m // 2, m // 2, k // 2, k // 2), mode="reflect")
    return torch.nn.functional.conv2d(padded.flatten(0, 1)[:, None], kernel.flip(0, 1)[None, None]).view_as(x)


@mistake("images.filter2d", says="smaller than the image")
def does_not_pad(x, kernel):
    y = torch.nn.functional.conv2d(x.flatten(0, 1)[:, None], kernel[None, None])
    return y.view(*x.shape[:2], *y.shape[2:])


@mistake("images.filter2d", says="repeats its last pixel")
def replicates_the_border(x, kernel):
    k, m = kernel.shape
    padded = torch.nn.functional.pad(x, (m // 2, m // 2, k // 2, k // 2), mode="replicate")
    return torch.nn.functional.conv2d(padded.flatten(0, 1)[:, None], kernel[None, None]).view_as(x)


@mistake("images.filter2d", says="shape")
def adds_up_the_channels(x, kernel):
    k, m = kernel.shape
    padded = torch.nn.functional.pad(x, (m // 2, m // 2, k // 2, k // 2), mode="reflect")
    return torch.nn.functional.conv2d(padded, kernel.expand(1, x.shape[1], k, m))


@mistake("images.filter2d", says="divided by its sum")
def normalises_the_kernel(x, kernel):
    k, m = kernel.shape
    padded = torch.nn.functional.pad(x, (m // 2, m // 2, k // 2, k // 2), mode="reflect")
    return torch.nn.functional.conv2d(padded.flatten(0, 1)[:, None], (kernel / kernel.sum())[None, None]).view_as(x)


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


@mistake("images.policy", says="leaves every picture")
def does_nothing(x, generator):
    return x.clone()


@mistake("images.policy", says="mirrors digits")
def flips_digits(x, generator):
    from labkit.augment import image
    from labkit.augment.pipeline import Compose

    return Compose([image.HorizontalFlip(p=0.5), image.VerticalFlip(p=0.5)])(x, generator=generator)


@mistake("images.policy", says="hand `generator`")
def draws_without_the_generator(x, generator):
    from labkit.augment import image

    return image.Rotate(degrees=30)(x)


@mistake("images.policy", says="hardly differ")
def turns_by_a_hair(x, generator):
    from labkit.augment import image

    return image.Rotate(degrees=2)(x, generator=generator)


@mistake("images.policy", says="same pictures")
def turns_all_alike(x, generator):
    from labkit.augment import image

    return image.rotate(x, degrees=15.0)


@mistake("images.policy", says="[0, 1]")
def leaves_the_range_of_pictures(x, generator):
    return x + 0.5 * torch.randn(x.shape, generator=generator)


@mistake("images.policy", says="not help enough")
def only_adds_noise(x, generator):
    return (x + 0.3 * torch.randn(x.shape, generator=generator)).clamp(0, 1)


@mistake("images.policy", says="shape")
def gives_back_one_picture_less(x, generator):
    return x[1:]


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
