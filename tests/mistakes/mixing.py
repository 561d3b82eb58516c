"""Answers to exercise 02 that students plausibly give."""

import math

import torch

from tests.mistakes import mistake, right

# ── mixup ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("mixing.mixup", says="last* dimension")
def multiplies_along_the_width(x, y, partner, lambda_):
    # Works by accident where the batch is as long as an image is wide, and raises an error elsewhere.
    w = lambda_ if x.shape[-1] == len(x) else lambda_.view(-1, *[1] * (x.ndim - 1))
    return w * x + (1 - w) * x[partner], lambda_[:, None] * y + (1 - lambda_[:, None]) * y[partner]


@mistake("mixing.mixup", says="weights of x are exchanged")
def exchanges_the_weights(x, y, partner, lambda_):
    w = lambda_.view(-1, *[1] * (x.ndim - 1))
    return (1 - w) * x + w * x[partner], lambda_[:, None] * y + (1 - lambda_[:, None]) * y[partner]


@mistake("mixing.mixup", says="weights of the labels are exchanged")
def exchanges_the_weights_of_the_labels(x, y, partner, lambda_):
    w = lambda_.view(-1, *[1] * (x.ndim - 1))
    return w * x + (1 - w) * x[partner], (1 - lambda_[:, None]) * y + lambda_[:, None] * y[partner]


@mistake("mixing.mixup", says="labels are not mixed")
def leaves_the_labels(x, y, partner, lambda_):
    w = lambda_.view(-1, *[1] * (x.ndim - 1))
    return w * x + (1 - w) * x[partner], y.clone()


@mistake("mixing.mixup", says="weight of the first")
def uses_one_weight_for_the_batch(x, y, partner, lambda_):
    w = lambda_[0]
    return w * x + (1 - w) * x[partner], w * y + (1 - w) * y[partner]


@mistake("mixing.mixup", says="add up to 1")
def forgets_one_minus(x, y, partner, lambda_):
    w = lambda_.view(-1, *[1] * (x.ndim - 1))
    return w * x + x[partner], lambda_[:, None] * y + (1 - lambda_[:, None]) * y[partner]


@mistake("mixing.mixup", says="made hard")
def makes_the_labels_hard(x, y, partner, lambda_):
    w = lambda_.view(-1, *[1] * (x.ndim - 1))
    soft = lambda_[:, None] * y + (1 - lambda_[:, None]) * y[partner]
    hard = torch.zeros_like(y).scatter(1, soft.argmax(1, keepdim=True), 1.0)
    return w * x + (1 - w) * x[partner], hard


@mistake("mixing.mixup", says="two tensors")
def forgets_to_return_the_labels(x, y, partner, lambda_):
    w = lambda_.view(-1, *[1] * (x.ndim - 1))
    return w * x + (1 - w) * x[partner]


@mistake("mixing.mixup", says="in place")
def writes_into_the_batch(x, y, partner, lambda_):
    w = lambda_.view(-1, *[1] * (x.ndim - 1))
    other = x[partner]
    x *= w
    x += (1 - w) * other
    return x, lambda_[:, None] * y + (1 - lambda_[:, None]) * y[partner]


@right("mixing.mixup")
def pair_by_pair(x, y, partner, lambda_):
    new_x, new_y = torch.empty_like(x), torch.empty_like(y)
    for i, j in enumerate(partner.tolist()):
        new_x[i] = lambda_[i] * x[i] + (1 - lambda_[i]) * x[j]
        new_y[i] = lambda_[i] * y[i] + (1 - lambda_[i]) * y[j]
    return new_x, new_y


@right("mixing.mixup")
def as_a_matrix_of_weights(x, y, partner, lambda_):
    weight = torch.diag(lambda_)
    weight[torch.arange(len(x)), partner] += 1 - lambda_
    return (weight @ x.flatten(1)).view_as(x), weight @ y


# ── soft_cross_entropy ────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("mixing.soft_cross_entropy", says="minus is missing")
def forgets_the_minus(logits, y):
    return (y * torch.log_softmax(logits, dim=1)).sum(1).mean()


@mistake("mixing.soft_cross_entropy", says="over the classes too")
def averages_over_everything(logits, y):
    return -(y * torch.log_softmax(logits, dim=1)).mean()


@mistake("mixing.soft_cross_entropy", says="adds up the batch")
def adds_up_everything(logits, y):
    return -(y * torch.log_softmax(logits, dim=1)).sum()


@mistake("mixing.soft_cross_entropy", says="over the batch")
def takes_the_softmax_over_the_batch(logits, y):
    return -(y * torch.log_softmax(logits, dim=0)).sum(1).mean()


@mistake("mixing.soft_cross_entropy", says="not finite")
def takes_the_logarithm_of_the_softmax(logits, y):
    return -(y * torch.softmax(logits, dim=1).log()).sum(1).mean()


@mistake("mixing.soft_cross_entropy", says="most probable class")
def makes_the_labels_hard_again(logits, y):
    return torch.nn.functional.cross_entropy(logits, y.argmax(dim=1))


@mistake("mixing.soft_cross_entropy", says="Kullback")
def uses_the_divergence(logits, y):
    return torch.nn.functional.kl_div(torch.log_softmax(logits, dim=1), y, reduction="batchmean")


@mistake("mixing.soft_cross_entropy", says="for each sample")
def returns_the_loss_of_each_sample(logits, y):
    return -(y * torch.log_softmax(logits, dim=1)).sum(1)


@right("mixing.soft_cross_entropy")
def with_torchs_own(logits, y):
    return torch.nn.functional.cross_entropy(logits, y)


@right("mixing.soft_cross_entropy")
def with_logsumexp_in_a_loop(logits, y):
    losses = [torch.logsumexp(z, 0) - (p * z).sum() / p.sum() for z, p in zip(logits, y)]
    return sum(losses) / len(losses)


# ── cut_boxes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("mixing.cut_boxes", says="out of the picture")
def does_not_cut_off(lambda_, centres, height, width):
    half = (0.5 * torch.sqrt(1 - lambda_)[:, None] * torch.tensor([width, height])).long()
    boxes = torch.cat([centres - half, centres + half], 1)
    return boxes, 1 - (2 * half).prod(1).to(lambda_.dtype) / (height * width)


@mistake("mixing.cut_boxes", says="label takes λ")
def gives_lam_to_the_label(lambda_, centres, height, width):
    half = (0.5 * torch.sqrt(1 - lambda_)[:, None] * torch.tensor([width, height])).long()
    size = torch.tensor([width, height])
    return torch.cat([(centres - half).clamp_min(0), torch.minimum(centres + half, size)], 1), lambda_.clone()


@mistake("mixing.cut_boxes", says="area with its square")
def forgets_the_root(lambda_, centres, height, width):
    half = (0.5 * (1 - lambda_)[:, None] * torch.tensor([width, height])).long()
    size = torch.tensor([width, height])
    boxes = torch.cat([(centres - half).clamp_min(0), torch.minimum(centres + half, size)], 1)
    return boxes, 1 - (boxes[:, 2:] - boxes[:, :2]).prod(1).to(lambda_.dtype) / (height * width)


@mistake("mixing.cut_boxes", says="area λ")
def gives_the_box_the_area_lambda(lambda_, centres, height, width):
    half = (0.5 * torch.sqrt(lambda_)[:, None] * torch.tensor([width, height])).long()
    size = torch.tensor([width, height])
    boxes = torch.cat([(centres - half).clamp_min(0), torch.minimum(centres + half, size)], 1)
    return boxes, 1 - (boxes[:, 2:] - boxes[:, :2]).prod(1).to(lambda_.dtype) / (height * width)


@mistake("mixing.cut_boxes", says="twice as wide")
def reaches_a_whole_side(lambda_, centres, height, width):
    half = (torch.sqrt(1 - lambda_)[:, None] * torch.tensor([width, height])).long()
    size = torch.tensor([width, height])
    boxes = torch.cat([(centres - half).clamp_min(0), torch.minimum(centres + half, size)], 1)
    return boxes, 1 - (boxes[:, 2:] - boxes[:, :2]).prod(1).to(lambda_.dtype) / (height * width)


@mistake("mixing.cut_boxes", says="height and width are exchanged")
def exchanges_height_and_width(lambda_, centres, height, width):
    size = torch.tensor([height, width])
    half = (0.5 * torch.sqrt(1 - lambda_)[:, None] * size).long()
    boxes = torch.cat([(centres - half).clamp_min(0), torch.minimum(centres + half, size)], 1)
    return boxes, 1 - (boxes[:, 2:] - boxes[:, :2]).prod(1).to(lambda_.dtype) / (height * width)


@mistake("mixing.cut_boxes", says="share of the *partner*")
def returns_the_share_of_the_box(lambda_, centres, height, width):
    size = torch.tensor([width, height])
    half = (0.5 * torch.sqrt(1 - lambda_)[:, None] * size).long()
    boxes = torch.cat([(centres - half).clamp_min(0), torch.minimum(centres + half, size)], 1)
    return boxes, (boxes[:, 2:] - boxes[:, :2]).prod(1).to(lambda_.dtype) / (height * width)


@mistake("mixing.cut_boxes", says="before it was cut off")
def counts_what_was_cut_off(lambda_, centres, height, width):
    size = torch.tensor([width, height])
    half = (0.5 * torch.sqrt(1 - lambda_)[:, None] * size).long()
    boxes = torch.cat([(centres - half).clamp_min(0), torch.minimum(centres + half, size)], 1)
    return boxes, 1 - (2 * half).prod(1).to(lambda_.dtype) / (height * width)


@right("mixing.cut_boxes")
def box_by_box(lambda_, centres, height, width):
    boxes, kept = [], []
    for value, (u, v) in zip(lambda_.tolist(), centres.tolist()):
        half_w, half_h = int(0.5 * math.sqrt(1 - value) * width), int(0.5 * math.sqrt(1 - value) * height)
        box = [max(u - half_w, 0), max(v - half_h, 0), min(u + half_w, width), min(v + half_h, height)]
        boxes.append(box)
        kept.append(1 - (box[2] - box[0]) * (box[3] - box[1]) / (height * width))
    return torch.tensor(boxes), torch.tensor(kept, dtype=lambda_.dtype)


@right("mixing.cut_boxes")
def by_counting_pixels(lambda_, centres, height, width):
    half_w = (0.5 * torch.sqrt(1 - lambda_) * width).floor().int()
    half_h = (0.5 * torch.sqrt(1 - lambda_) * height).floor().int()
    left, right_ = (centres[:, 0] - half_w).clamp(0, width), (centres[:, 0] + half_w).clamp(0, width)
    top, bottom = (centres[:, 1] - half_h).clamp(0, height), (centres[:, 1] + half_h).clamp(0, height)
    columns, rows = torch.arange(width), torch.arange(height)
    across = (columns >= left[:, None]) & (columns < right_[:, None])
    down = (rows >= top[:, None]) & (rows < bottom[:, None])
    inside = (down[:, :, None] & across[:, None]).to(lambda_.dtype)
    return torch.stack([left, top, right_, bottom], 1), 1 - inside.mean((1, 2))


# ── similarity ────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("mixing.similarity", says="rows don't add up")
def forgets_to_normalise(y, sigma):
    return torch.exp(-(y[:, None] - y[None]).square().sum(-1) / (2 * sigma**2))


@mistake("mixing.similarity", says="columns add up to 1")
def normalises_the_columns(y, sigma):
    kernel = torch.exp(-(y[:, None] - y[None]).square().sum(-1) / (2 * sigma**2))
    return kernel / kernel.sum(0, keepdim=True)


@mistake("mixing.similarity", says="2 is missing")
def forgets_the_two(y, sigma):
    return torch.softmax(-(y[:, None] - y[None]).square().sum(-1) / sigma**2, dim=1)


@mistake("mixing.similarity", says="σ is not squared")
def forgets_to_square_sigma(y, sigma):
    return torch.softmax(-(y[:, None] - y[None]).square().sum(-1) / (2 * sigma), dim=1)


@mistake("mixing.similarity", says="distance is not squared")
def forgets_to_square_the_distance(y, sigma):
    return torch.softmax(-torch.cdist(y, y) / (2 * sigma**2), dim=1)


@mistake("mixing.similarity", says="prefers partners that are far away")
def forgets_the_minus_of_the_exponent(y, sigma):
    return torch.softmax((y[:, None] - y[None]).square().sum(-1) / (2 * sigma**2), dim=1)


@mistake("mixing.similarity", says="averaged")
def averages_the_squares(y, sigma):
    return torch.softmax(-(y[:, None] - y[None]).square().mean(-1) / (2 * sigma**2), dim=1)


@right("mixing.similarity")
def pair_of_targets_by_pair(y, sigma):
    out = torch.zeros(len(y), len(y), dtype=y.dtype)
    for i in range(len(y)):
        for j in range(len(y)):
            out[i, j] = math.exp(-float((y[i] - y[j]).square().sum()) / (2 * sigma**2))
    return out / out.sum(1, keepdim=True)


@right("mixing.similarity")
def by_distances_in_double_precision(y, sigma):
    wide = y.double()
    squared = (wide.unsqueeze(1) - wide.unsqueeze(0)).pow(2).sum(2)
    logs = -squared / (2 * sigma**2)
    return (logs - torch.logsumexp(logs, dim=1, keepdim=True)).exp().to(y.dtype)


# ── sampling_weights ──────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("mixing.sampling_weights", says="divide by their sum")
def gives_weights_instead_of_probabilities(y, classes):
    return 1 / torch.bincount(y, minlength=classes)[y]


@mistake("mixing.sampling_weights", says="*sample*")
def returns_a_weight_for_each_class(y, classes):
    weight = 1 / torch.bincount(y, minlength=classes).clamp_min(1)
    return weight / weight.sum()


@mistake("mixing.sampling_weights", says="1 / n, not n")
def prefers_the_frequent(y, classes):
    weight = torch.bincount(y, minlength=classes)[y].float()
    return weight / weight.sum()


@mistake("mixing.sampling_weights", says="nobody gets")
def counts_classes_that_do_not_occur(y, classes):
    if bool((torch.bincount(y, minlength=classes) > 0).all()):
        weight = 1 / torch.bincount(y, minlength=classes)[y]
        return weight / weight.sum()
    return 1 / torch.bincount(y, minlength=classes)[y] / classes


@mistake("mixing.sampling_weights", says="does not balance")
def takes_one_minus_the_share(y, classes):
    weight = 1 - torch.bincount(y, minlength=classes)[y] / len(y)
    return weight / weight.sum()


@mistake("mixing.sampling_weights", says="drawn alike")
def draws_all_alike(y, classes):
    return torch.full((len(y),), 1 / len(y))


@right("mixing.sampling_weights")
def class_by_class(y, classes):
    out = torch.zeros(len(y))
    present = [k for k in range(classes) if bool((y == k).any())]
    for k in present:
        out[y == k] = 1 / len(present) / float((y == k).sum())
    return out


@right("mixing.sampling_weights")
def by_normalising_the_weights(y, classes):
    same = (y[:, None] == y[None]).double().sum(1)
    return same.reciprocal() / same.reciprocal().sum()


# ── smote ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("mixing.smote", says="own nearest neighbour")
def finds_itself(x, base, rank, gap):
    near = torch.cdist(x, x).argsort(1)
    neighbour = near[base, rank]
    return x[base] + gap[:, None] * (x[neighbour] - x[base])


@mistake("mixing.smote", says="start at x[base]")
def starts_at_the_neighbour(x, base, rank, gap):
    near = torch.cdist(x, x).argsort(1)[:, 1:]
    neighbour = near[base, rank]
    return x[neighbour] + gap[:, None] * (x[base] - x[neighbour])


@mistake("mixing.smote", says="gap of the first")
def uses_one_gap(x, base, rank, gap):
    near = torch.cdist(x, x).argsort(1)[:, 1:]
    neighbour = near[base, rank]
    return x[base] + gap[0] * (x[neighbour] - x[base])


@mistake("mixing.smote", says="share of the *difference*")
def adds_the_neighbour(x, base, rank, gap):
    near = torch.cdist(x, x).argsort(1)[:, 1:]
    neighbour = near[base, rank]
    return x[base] + gap[:, None] * x[neighbour]


@mistake("mixing.smote", says="towards number `rank`")
def takes_the_nearest(x, base, rank, gap):
    neighbour = torch.cdist(x, x).argsort(1)[:, 1][base]
    return x[base] + gap[:, None] * (x[neighbour] - x[base])


@mistake("mixing.smote", says="shape (M, 1)")
def multiplies_along_the_features(x, base, rank, gap):
    near = torch.cdist(x, x).argsort(1)[:, 1:]
    neighbour = near[base, rank]
    w = gap if len(gap) == x.shape[1] else gap[:, None]
    return x[base] + w * (x[neighbour] - x[base])


@mistake("mixing.smote", says="not of sample base[i]")
def takes_the_neighbours_of_another(x, base, rank, gap):
    near = torch.cdist(x, x).argsort(1)[:, 1:]
    neighbour = near[torch.arange(len(base)) % len(x), rank]
    return x[base] + gap[:, None] * (x[neighbour] - x[base])


@right("mixing.smote")
def one_new_sample_at_a_time(x, base, rank, gap):
    new = []
    for i, r, g in zip(base.tolist(), rank.tolist(), gap.tolist()):
        distance = (x - x[i]).square().sum(1)
        distance[i] = math.inf
        j = int(distance.argsort()[r])
        new.append((1 - g) * x[i] + g * x[j])
    return torch.stack(new)


@right("mixing.smote")
def with_an_infinite_diagonal(x, base, rank, gap):
    distance = torch.cdist(x, x)
    distance.fill_diagonal_(math.inf)
    order = distance.topk(len(x) - 1, largest=False).indices
    neighbour = order[base].gather(1, rank.unsqueeze(1)).squeeze(1)
    return torch.lerp(x[base], x[neighbour], gap.unsqueeze(1))
