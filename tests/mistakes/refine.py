"""Answers to exercise 13 that students plausibly give."""

import math

import torch

from tests.mistakes import mistake, right

# ── local_loss ────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("refine.local_loss", says="swapped")
def takes_the_logit_for_real(logits, refined):
    return torch.nn.functional.softplus(logits if refined else -logits).sum((1, 2)).mean()


@mistake("refine.local_loss", says="averaged over the patches")
def averages_over_everything(logits, refined):
    target = torch.full_like(logits, float(refined))
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, target)


@mistake("refine.local_loss", says="added up over the images")
def adds_up_everything(logits, refined):
    return torch.nn.functional.softplus(-logits if refined else logits).sum()


@mistake("refine.local_loss", says="not finite")
def logarithm_of_a_rounded_probability(logits, refined):
    p = torch.sigmoid(logits)
    return -torch.log(p if refined else 1 - p).sum((1, 2)).mean()


@mistake("refine.local_loss", says="sign is wrong")
def log_likelihood(logits, refined):
    return torch.nn.functional.logsigmoid(logits if refined else -logits).sum((1, 2)).mean()


@mistake("refine.local_loss", says="every image")
def one_loss_an_image(logits, refined):
    return torch.nn.functional.softplus(-logits if refined else logits).sum((1, 2))


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


# ── self_regularisation ───────────────────────────────────────────────────────────────────────────────────────────────


@mistake("refine.self_regularisation", says="squared, as on the slide")
def squares_as_on_the_slide(refined, synthetic, psi):
    return (psi(refined) - psi(synthetic)).pow(2).flatten(1).sum(1).mean()


@mistake("refine.self_regularisation", says="Euclidean")
def euclidean_distance(refined, synthetic, psi):
    return (psi(refined) - psi(synthetic)).flatten(1).norm(dim=1).mean()


@mistake("refine.self_regularisation", says="averaged over the features")
def torchs_l1_loss(refined, synthetic, psi):
    return torch.nn.functional.l1_loss(psi(refined), psi(synthetic))


@mistake("refine.self_regularisation", says="ψ is not used")
def forgets_psi(refined, synthetic, psi):
    return (refined - synthetic).abs().flatten(1).sum(1).mean()


@mistake("refine.self_regularisation", says="ψ of the difference")
def psi_of_the_difference(refined, synthetic, psi):
    return psi(refined - synthetic).abs().flatten(1).sum(1).mean()


@mistake("refine.self_regularisation", says="cancel")
def forgets_absolute_values(refined, synthetic, psi):
    return (psi(refined) - psi(synthetic)).flatten(1).sum(1).mean()


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


# ── objective ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("refine.objective", says="as one line of the slide")
def as_the_slide_has_it(refined, real, change, lambda_):
    def loss(z, answer):
        return torch.nn.functional.softplus(-z if answer else z).sum((1, 2)).mean()

    return loss(refined, False) + lambda_ * change, loss(refined, False) + loss(real, False)


@mistake("refine.objective", says='D to say "refined"')
def refiner_helps_the_discriminator(refined, real, change, lambda_):
    def loss(z, answer):
        return torch.nn.functional.softplus(-z if answer else z).sum((1, 2)).mean()

    return loss(refined, True) + lambda_ * change, loss(refined, True) + loss(real, False)


@mistake("refine.objective", says="saturates")
def minimax(refined, real, change, lambda_):
    def loss(z, answer):
        return torch.nn.functional.softplus(-z if answer else z).sum((1, 2)).mean()

    return lambda_ * change - loss(refined, True), loss(refined, True) + loss(real, False)


@mistake("refine.objective", says="without λ")
def forgets_lambda(refined, real, change, lambda_):
    def loss(z, answer):
        return torch.nn.functional.softplus(-z if answer else z).sum((1, 2)).mean()

    return loss(refined, False) + change, loss(refined, True) + loss(real, False)


@mistake("refine.objective", says="never sees them")
def refiner_sees_real_images(refined, real, change, lambda_):
    def loss(z, answer):
        return torch.nn.functional.softplus(-z if answer else z).sum((1, 2)).mean()

    return loss(refined, False) + loss(real, False) + lambda_ * change, loss(refined, True) + loss(real, False)


@mistake("refine.objective", says="wrong order")
def discriminator_first(refined, real, change, lambda_):
    def loss(z, answer):
        return torch.nn.functional.softplus(-z if answer else z).sum((1, 2)).mean()

    return loss(refined, True) + loss(real, False), loss(refined, False) + lambda_ * change


@mistake("refine.objective", says="swapped")
def discriminator_swaps_the_two(refined, real, change, lambda_):
    def loss(z, answer):
        return torch.nn.functional.softplus(-z if answer else z).sum((1, 2)).mean()

    return loss(refined, False) + lambda_ * change, loss(refined, False) + loss(real, True)


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


# ── mix ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("refine.mix", says="never renewed")
def forgets_to_renew_the_past(fresh, past, generator):
    drawn = torch.randperm(len(past), generator=generator)[: len(fresh)]
    torch.cat([past, fresh])
    return torch.cat([fresh, past[drawn]]), past.clone()


@mistake("refine.mix", says="far more often")
def always_replaces_the_first(fresh, past, generator):
    drawn = torch.randperm(len(past), generator=generator)[: len(fresh)]
    renewed = past.clone()
    renewed[: len(fresh)] = fresh
    return torch.cat([fresh, past[drawn]]), renewed


@mistake("refine.mix", says="far more often")
def always_draws_the_last(fresh, past, generator):
    replaced = torch.randperm(len(past), generator=generator)[: len(fresh)]
    renewed = past.clone()
    renewed[replaced] = fresh
    return torch.cat([fresh, past[len(past) - len(fresh) :]]), renewed


@mistake("refine.mix", says="twice")
def draws_with_replacement(fresh, past, generator):
    drawn = torch.randint(len(past), (len(fresh),), generator=generator)
    replaced = torch.randperm(len(past), generator=generator)[: len(fresh)]
    renewed = past.clone()
    renewed[replaced] = fresh
    return torch.cat([fresh, past[drawn]]), renewed


@mistake("refine.mix", says="not exactly half")
def each_by_the_toss_of_a_coin(fresh, past, generator):
    pool = torch.cat([fresh, past])
    drawn = torch.randperm(len(pool), generator=generator)[: 2 * len(fresh)]
    replaced = torch.randperm(len(past), generator=generator)[: len(fresh)]
    renewed = past.clone()
    renewed[replaced] = fresh
    return pool[drawn], renewed


@mistake("refine.mix", says="changed in place")
def changes_the_past_in_place(fresh, past, generator):
    drawn = torch.randperm(len(past), generator=generator)[: len(fresh)]
    batch = torch.cat([fresh, past[drawn]])
    past[torch.randperm(len(past), generator=generator)[: len(fresh)]] = fresh
    return batch, past


@mistake("refine.mix", says="seed gives something else")
def leaves_the_generator_alone(fresh, past, generator):
    renewed = past.clone()
    order = torch.randperm(len(past) * 50)
    order = order[order < len(past)]
    renewed[order[: len(fresh)]] = fresh
    return torch.cat([fresh, past[torch.randperm(len(past))[: len(fresh)]]]), renewed


@mistake("refine.mix", says="it has grown")
def appends_to_the_past(fresh, past, generator):
    drawn = torch.randperm(len(past), generator=generator)[: len(fresh)]
    return torch.cat([fresh, past[drawn]]), torch.cat([past, fresh])


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


# ── drift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("refine.drift", says="backwards")
def before_minus_after(before, after):
    moved = before - after
    return moved.mean(0), (moved - moved.mean(0)).square().sum(1).mean().sqrt()


@mistake("refine.drift", says="holds the shift")
def leaves_the_shift_in(before, after):
    moved = after - before
    return moved.mean(0), moved.square().sum(1).mean().sqrt()


@mistake("refine.drift", says="root of the mean *square*")
def mean_distance(before, after):
    moved = after - before
    return moved.mean(0), (moved - moved.mean(0)).norm(dim=1).mean()


@mistake("refine.drift", says="averaged over its numbers")
def averages_over_the_numbers(before, after):
    moved = after - before
    return moved.mean(0), (moved - moved.mean(0)).square().mean().sqrt()


@mistake("refine.drift", says="square root")
def forgets_the_root(before, after):
    moved = after - before
    return moved.mean(0), (moved - moved.mean(0)).square().sum(1).mean()


@mistake("refine.drift", says="not of their sizes")
def sizes_instead_of_ways(before, after):
    moved = (after - before).abs()
    return moved.mean(0), (moved - moved.mean(0)).square().sum(1).mean().sqrt()


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


# ── patch_size ────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("refine.patch_size", says="strides are left out")
def leaves_strides_out(strides, kernel):
    return 1 + len(strides) * (kernel - 1)


@mistake("refine.patch_size", says="not for itself")
def counts_a_layers_own_stride(strides, kernel):
    side, pixel = 1, 1
    for stride in strides:
        pixel *= stride
        side += (kernel - 1) * pixel
    return side


@mistake("refine.patch_size", says="first pixel")
def begins_at_zero(strides, kernel):
    side, pixel = 0, 1
    for stride in strides:
        side += (kernel - 1) * pixel
        pixel *= stride
    return side


@mistake("refine.patch_size", says="kernel − 1 pixels")
def adds_the_whole_kernel(strides, kernel):
    side, pixel = 0, 1
    for stride in strides:
        side += kernel * pixel
        pixel *= stride
    return side


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
