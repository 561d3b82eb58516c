"""Right answers to exercise 13, written differently."""

import math

import torch

from tests.rights import right

# ── local_loss ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("refine.local_loss")
def by_torchs_loss(logits, refined):
    target = torch.full_like(logits, float(refined))
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="sum")
    return each / len(logits)


@right("refine.local_loss")
def as_two_classes(logits, refined):
    both = torch.stack([torch.zeros_like(logits), logits], dim=1)
    target = torch.full_like(logits, int(refined), dtype=torch.long)
    return torch.nn.functional.cross_entropy(both, target, reduction="none").flatten(1).sum(1).mean()


@right("refine.local_loss")
def image_after_image(logits, refined):
    total = 0
    for z in logits:
        if not refined:
            z = -z
        total = total - torch.nn.functional.logsigmoid(z).sum()
    return total / logits.shape[0]


@right("refine.local_loss")
def by_einsum_and_logaddexp(logits, refined):
    signed = logits * (1 - 2 * int(refined))
    return torch.einsum("bhw->b", torch.logaddexp(signed, torch.zeros_like(signed))).mean().view(1)


# ── self_regularisation ───────────────────────────────────────────────────────────────────────────────────────────────


@right("refine.self_regularisation")
def by_torchs_l1_loss(refined, synthetic, psi):
    total = torch.nn.functional.l1_loss(psi(refined), psi(synthetic), reduction="sum")
    return total / refined.shape[0]


@right("refine.self_regularisation")
def one_image_at_a_time(refined, synthetic, psi):
    total = 0.0
    for r, x in zip(refined, synthetic):
        total = total + torch.linalg.vector_norm(psi(r[None]) - psi(x[None]), ord=1)
    return total / len(refined)


@right("refine.self_regularisation")
def synthetic_as_data(refined, synthetic, psi):
    with torch.no_grad():
        target = psi(synthetic)
    change = psi(refined) - target
    return torch.norm(change.reshape(len(change), -1), p=1, dim=1).mean()


@right("refine.self_regularisation")
def larger_minus_smaller(refined, synthetic, psi):
    both = psi(torch.cat([refined, synthetic]))
    a, b = both.chunk(2)
    return (torch.maximum(a, b) - torch.minimum(a, b)).sum() / len(a)


# ── objective ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("refine.objective")
def with_log_sigmoid(refined, real, change, lambda_):
    log = torch.nn.functional.logsigmoid
    of_r = -log(-refined).flatten(1).sum(1).mean() + change * lambda_
    return of_r, -(log(refined).flatten(1).sum(1).mean() + log(-real).flatten(1).sum(1).mean())


@right("refine.objective")
def image_by_image(refined, real, change, lambda_):
    def loss(z, answer):
        target = torch.full_like(z[0], float(answer))
        bce = torch.nn.functional.binary_cross_entropy_with_logits
        return sum(bce(image, target, reduction="sum") for image in z) / len(z)

    return [loss(refined, False) + lambda_ * change, loss(refined, True) + loss(real, False)]


@right("refine.objective")
def without_change_where_it_weighs_nothing(refined, real, change, lambda_):
    plus = torch.nn.functional.softplus
    of_r = plus(refined).sum(dim=(-1, -2)).mean(dim=0)
    if lambda_ > 0:
        of_r = of_r + lambda_ * change
    return of_r, plus(-refined).sum(dim=(-1, -2)).mean() + plus(real).sum(dim=(-1, -2)).mean()


@right("refine.objective")
def with_targets_for_both(refined, real, change, lambda_):
    bce = torch.nn.BCEWithLogitsLoss(reduction="none")
    of_r = bce(refined, torch.zeros_like(refined)).sum([1, 2]).mean() + lambda_ * change
    of_d = bce(refined, torch.ones_like(refined)).sum([1, 2]).mean()
    of_d += bce(real, torch.zeros_like(real)).sum([1, 2]).mean()
    return of_r, of_d


# ── mix ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("refine.mix")
def replaces_what_it_drew(fresh, past, generator):
    # As uniform as two draws, and all that is asked.
    drawn = torch.randperm(len(past), generator=generator)[: len(fresh)]
    renewed = past.clone()
    renewed[drawn] = fresh
    return torch.cat([past[drawn], fresh]), renewed


@right("refine.mix")
def with_random_keys(fresh, past, generator):
    keys = torch.rand(2, len(past), generator=generator)
    drawn, replaced = keys.argsort(dim=1)[:, : len(fresh)]
    renewed = past.clone()
    for slot, image in zip(replaced.tolist(), fresh):
        renewed[slot] = image
    return torch.cat([fresh, past[drawn]])[torch.randperm(2 * len(fresh), generator=generator)], renewed


@right("refine.mix")
def by_multinomial(fresh, past, generator):
    m, equal = len(fresh), torch.ones(len(past))
    drawn = torch.multinomial(equal, m, generator=generator)
    replaced = torch.multinomial(equal, m, generator=generator)
    return torch.vstack([fresh, past[drawn]]), past.index_copy(0, replaced, fresh)


@right("refine.mix")
def with_masks_and_lists(fresh, past, generator):
    n, m = past.shape[0], fresh.shape[0]
    drawn = past[sorted(torch.randperm(n, generator=generator)[-m:].tolist())]
    images, places = list(past), torch.randperm(n, generator=generator)
    for i in range(m):
        images[int(places[i])] = fresh[i]
    return torch.cat((drawn, fresh), dim=0), torch.stack(images)


# ── drift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("refine.drift")
def by_variance(before, after):
    moved = after - before
    return moved.mean(0), moved.var(0, unbiased=False).sum().sqrt()


@right("refine.drift")
def in_plain_python(before, after):
    moved = [(a - b).tolist() for a, b in zip(after.double(), before.double())]
    shift = [sum(column) / len(moved) for column in zip(*moved)]
    square = sum((v - s) ** 2 for row in moved for v, s in zip(row, shift)) / len(moved)
    return torch.tensor(shift, dtype=before.dtype), torch.tensor(math.sqrt(square), dtype=before.dtype)


@right("refine.drift")
def by_norms(before, after):
    shift = (after.sum(0) - before.sum(0)) / before.shape[0]
    rest = after - before - shift
    return shift, torch.linalg.norm(rest) / before.shape[0] ** 0.5


@right("refine.drift")
def by_einsum(before, after):
    moved = torch.sub(after, before)
    rest = moved - torch.mean(moved, dim=0, keepdim=True)
    return torch.mean(moved, dim=0), torch.sqrt(torch.einsum("nk,nk->", rest, rest) / len(rest))


# ── patch_size ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("refine.patch_size")
def from_the_end(strides, kernel):
    side = 1
    for stride in reversed(strides):
        side = (side - 1) * stride + kernel
    return side


@right("refine.patch_size")
def by_looking(strides, kernel):
    x = torch.zeros(1, 1, 1601, dtype=torch.double, requires_grad=True)
    z = x
    for stride in strides:
        z = torch.nn.functional.conv1d(z, torch.ones(1, 1, kernel, dtype=torch.double), stride=stride)
    z[0, 0, 0].backward()
    return int((x.grad != 0).sum())


@right("refine.patch_size")
def by_products(strides, kernel):
    return 1 + (kernel - 1) * sum(math.prod(strides[:i]) for i in range(len(strides)))


@right("refine.patch_size")
def by_recursion(strides, kernel):
    if not strides:
        return 1
    return kernel + (by_recursion(strides[1:], kernel) - 1) * strides[0]
