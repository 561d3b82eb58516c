"""Answers to exercise 10, written afresh."""

import torch
from torch import nn
from torch.nn import functional as F

# ── strength ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def table_of_ends(name, magnitude, sign, side):
    low, high, signed = {
        "rotate": (0, 30, True),
        "translate_x": (0, side * 150 / 331, True),
        "brightness": (0, 0.9, True),
        "posterize": (8, 4, False),
        "solarize": (1, 0, False),
    }[name]
    value = low + (high - low) * magnitude
    if signed:
        value = value * sign
    if name == "brightness":
        value = value + 1
    return value.round() if name == "posterize" else value


def autoaugment_levels(name, magnitude, sign, side):
    if name == "rotate":
        return magnitude * 30 * sign
    if name == "translate_x":
        return magnitude * 10 * sign
    if name == "brightness":
        return magnitude * 1.8 + 0.1
    if name == "posterize":
        return (magnitude * 4).int()
    return 1 - magnitude


def bits_as_integers(name, magnitude, sign, side):
    if name == "posterize":
        return (8 - 4 * magnitude).round().int()
    return table_of_ends(name, magnitude, sign, side)


def forgets_the_sign_of_translation(name, magnitude, sign, side):
    if name == "translate_x":
        return magnitude * side * 150 / 331
    return table_of_ends(name, magnitude, sign, side)


def whole_pixels(name, magnitude, sign, side):
    value = table_of_ends(name, magnitude, sign, side)
    return value.trunc() if name == "translate_x" else value


def clamps_the_factor(name, magnitude, sign, side):
    value = table_of_ends(name, magnitude, sign, side)
    return value.clamp(0, 1) if name == "brightness" else value


def solarize_with_a_sign(name, magnitude, sign, side):
    return 1 - sign * magnitude if name == "solarize" else table_of_ends(name, magnitude, sign, side)


# ── reinforce_loss ────────────────────────────────────────────────────────────────────────────────────────────────────


def nll(logits, actions, rewards, baseline):
    log_p = F.log_softmax(logits, dim=-1)
    losses = F.nll_loss(log_p.unsqueeze(0).repeat(len(actions), 1), actions, reduction="none")
    return torch.mean(losses * (rewards.detach() - baseline.detach()))


def loop(logits, actions, rewards, baseline):
    log_p = logits - logits.logsumexp(0)
    total = 0
    for a, r in zip(actions, rewards):
        total = total - (r - baseline).detach() * log_p[a]
    return total / len(actions)


def loop_without_the_mean(logits, actions, rewards, baseline):
    return loop(logits, actions, rewards, baseline) * len(actions)


def ratio(logits, actions, rewards, baseline):
    p = logits.softmax(0)[actions]
    return -((rewards - baseline).detach() * p / p.detach()).mean()


def gathers_along_the_wrong_axis(logits, actions, rewards, baseline):
    log_p = logits[:, None].log_softmax(1)
    return -((rewards - baseline).detach() * log_p[actions, 0]).mean()


def clipped(logits, actions, rewards, baseline):
    advantage = (rewards - baseline).detach().clamp_min(0.2)
    return -(advantage * logits.log_softmax(0)[actions]).mean()


def as_a_number(logits, actions, rewards, baseline):
    return -((rewards - baseline) * logits.log_softmax(0)[actions]).mean().item()


def running_mean_of_its_own(logits, actions, rewards, baseline):
    b = 0.9 * baseline + 0.1 * rewards.mean()
    return -((rewards - b).detach() * logits.log_softmax(0)[actions]).mean()


# ── unrolled_hypergradient ────────────────────────────────────────────────────────────────────────────────────────────


def without_create_graph(train_loss, validation_loss, w, phi, lr):
    w, phi = w.clone().requires_grad_(), phi.clone().requires_grad_()
    g = torch.autograd.grad(train_loss(w, phi), w)[0]
    return torch.autograd.grad(validation_loss(w - lr * g), phi)[0]


def allow_unused_hides_it(train_loss, validation_loss, w, phi, lr):
    w, phi = w.clone().requires_grad_(), phi.clone().requires_grad_()
    g = torch.autograd.grad(train_loss(w, phi), w)[0]
    slope = torch.autograd.grad(validation_loss(w - lr * g), phi, allow_unused=True)[0]
    return torch.zeros_like(phi) if slope is None else slope


def with_backward(train_loss, validation_loss, w, phi, lr):
    w, phi = w.clone().requires_grad_(), phi.clone().requires_grad_()
    (g,) = torch.autograd.grad(train_loss(w, phi), w, create_graph=True)
    validation_loss(w - lr * g).backward()
    return phi.grad


def both_losses(train_loss, validation_loss, w, phi, lr):
    def after(p):
        new = w - lr * torch.func.grad(train_loss)(w, p)
        return validation_loss(new) + train_loss(new, p)

    return torch.func.grad(after)(phi)


def differences(train_loss, validation_loss, w, phi, lr):
    result = torch.zeros_like(phi)
    for i in range(len(phi)):
        h = torch.zeros_like(phi)
        h[i] = 0.1
        up = validation_loss(w - lr * torch.func.grad(train_loss)(w, phi + h))
        down = validation_loss(w - lr * torch.func.grad(train_loss)(w, phi - h))
        result[i] = (up - down) / 0.2
    return result


def through_the_wrong_argument(train_loss, validation_loss, w, phi, lr):
    return torch.func.grad(lambda p: validation_loss(w - lr * torch.func.grad(train_loss)(w, phi)))(phi)


def jacobian_product(train_loss, validation_loss, w, phi, lr):
    after, pull = torch.func.vjp(lambda p: w - lr * torch.func.grad(train_loss)(w, p), phi)
    return pull(torch.func.grad(validation_loss)(after))[0]


# ── angles ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def outer(rho, u, limit):
    return torch.outer(u, (limit * rho.sigmoid()).reshape(1)).squeeze(1)


def makes_a_new_tensor(rho, u, limit):
    return torch.tensor(limit * torch.sigmoid(rho).item()) * u


def draws_its_own(rho, u, limit):
    return limit * torch.sigmoid(rho) * (2 * torch.rand_like(u) - 1)


def half_the_width(rho, u, limit):
    return limit * torch.sigmoid(rho) * u / 2


def clamped_rho(rho, u, limit):
    return rho.clamp(0, limit) * u


# ── posterize ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def one_hot_idea(x, bits):
    steps = torch.pow(2, bits)[:, None, None, None].to(x.dtype)
    q = torch.floor(x * steps).clamp(max=(2 ** int(bits.max())) - 1)
    q = torch.minimum(q, steps - 1)
    return x + (q / steps - x).detach()


def masks_bytes(x, bits):
    b = bits.view(-1, 1, 1, 1)
    byte = (x.detach() * 255).to(torch.int64)
    return x + ((byte >> (8 - b) << (8 - b)).to(x.dtype) / 255 - x).detach()


def under_no_grad(x, bits):
    n = (2.0**bits).view(-1, 1, 1, 1).to(x.dtype)
    with torch.no_grad():
        return torch.minimum((x * n).floor(), n - 1) / n


def detaches_the_wrong_one(x, bits):
    n = (2.0**bits).view(-1, 1, 1, 1).to(x.dtype)
    hard = torch.minimum((x * n).floor(), n - 1) / n
    return hard + (x - hard).detach()


def clamps_to_one(x, bits):
    n = (2.0**bits).view(-1, 1, 1, 1).to(x.dtype)
    return x + ((x * n).floor() / n - x).detach().clamp(-1, 1)


# ── teach_loss ────────────────────────────────────────────────────────────────────────────────────────────────────────


def teacher_under_no_grad(model, teacher, x, y):
    with torch.no_grad():
        easy = F.cross_entropy(teacher(x), y)
    return easy - F.cross_entropy(model(x), y)


def by_log_probabilities(model, teacher, x, y):
    rows = torch.arange(len(y))
    return (model(x).log_softmax(-1)[rows, y] - teacher(x).log_softmax(-1)[rows, y]).mean()


def roles_exchanged(model, teacher, x, y):
    return nn.CrossEntropyLoss()(model(x), y) - nn.CrossEntropyLoss()(teacher(x), y)


def detached_picture(model, teacher, x, y):
    return F.cross_entropy(teacher(x.detach()), y) - F.cross_entropy(model(x.detach()), y)


def nll_of_softmax(model, teacher, x, y):
    return F.nll_loss(teacher(x).softmax(1), y) - F.nll_loss(model(x).softmax(1), y)


def kl(model, teacher, x, y):
    return F.kl_div(model(x).log_softmax(1), teacher(x).softmax(1), reduction="batchmean")


FRESH = [
    ("learned.strength", table_of_ends, "right"),
    ("learned.strength", autoaugment_levels, "wrong"),
    ("learned.strength", bits_as_integers, "wrong"),
    ("learned.strength", forgets_the_sign_of_translation, "wrong"),
    ("learned.strength", whole_pixels, "wrong"),
    ("learned.strength", clamps_the_factor, "wrong"),
    ("learned.strength", solarize_with_a_sign, "wrong"),
    ("learned.reinforce_loss", nll, "right"),
    ("learned.reinforce_loss", loop, "right"),
    ("learned.reinforce_loss", loop_without_the_mean, "wrong"),
    ("learned.reinforce_loss", ratio, "wrong"),
    ("learned.reinforce_loss", gathers_along_the_wrong_axis, "wrong"),
    ("learned.reinforce_loss", clipped, "wrong"),
    ("learned.reinforce_loss", as_a_number, "wrong"),
    ("learned.reinforce_loss", running_mean_of_its_own, "wrong"),
    ("learned.unrolled_hypergradient", without_create_graph, "wrong"),
    ("learned.unrolled_hypergradient", allow_unused_hides_it, "wrong"),
    ("learned.unrolled_hypergradient", with_backward, "right"),
    ("learned.unrolled_hypergradient", both_losses, "wrong"),
    ("learned.unrolled_hypergradient", differences, "wrong"),
    ("learned.unrolled_hypergradient", through_the_wrong_argument, "wrong"),
    ("learned.unrolled_hypergradient", jacobian_product, "right"),
    ("learned.angles", outer, "right"),
    ("learned.angles", makes_a_new_tensor, "wrong"),
    ("learned.angles", draws_its_own, "wrong"),
    ("learned.angles", half_the_width, "wrong"),
    ("learned.angles", clamped_rho, "wrong"),
    ("learned.posterize", one_hot_idea, "right"),
    ("learned.posterize", masks_bytes, "wrong"),
    ("learned.posterize", under_no_grad, "wrong"),
    ("learned.posterize", detaches_the_wrong_one, "wrong"),
    ("learned.posterize", clamps_to_one, "wrong"),
    ("learned.teach_loss", teacher_under_no_grad, "wrong"),
    ("learned.teach_loss", by_log_probabilities, "right"),
    ("learned.teach_loss", roles_exchanged, "wrong"),
    ("learned.teach_loss", detached_picture, "wrong"),
    ("learned.teach_loss", nll_of_softmax, "wrong"),
    ("learned.teach_loss", kl, "wrong"),
]
