"""Right answers to exercise 04, written differently."""

import math

import torch

from tests.rights import right


@right("attacks.input_gradient")
def one_picture_at_a_time(model, x, y):
    out = []
    for i in range(len(x)):
        z = x[i : i + 1].detach().clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(model(z), y[i : i + 1])
        out.append(torch.autograd.grad(loss, z)[0])
    return torch.cat(out)


@right("attacks.input_gradient")
def by_a_transform_of_functions(model, x, y):
    def loss(z):
        return -model(z).log_softmax(1).gather(1, y[:, None]).sum()

    return torch.func.grad(loss)(x)


@right("attacks.input_gradient")
def by_the_mean_times_the_batch(model, x, y):
    z = x.detach().clone()
    z.requires_grad = True
    loss = torch.nn.functional.cross_entropy(model(z), y) * len(x)
    return torch.autograd.grad(loss, [z])[0].detach()


# ── fgsm ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("attacks.fgsm")
def where_the_gradient_is_positive(model, x, y, eps, targeted=False):
    z = x.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(z), y, reduction="sum")
    g = torch.autograd.grad(-loss if targeted else loss, z)[0]
    up, down = (x + eps).clamp(max=1), (x - eps).clamp(min=0)
    return torch.where(g > 0, up, torch.where(g < 0, down, x))


@right("attacks.fgsm")
def with_a_change_that_is_learned(model, x, y, eps, targeted=False):
    change = torch.zeros_like(x, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(model(x + change), y)
    loss.backward()
    step = math.copysign(eps, -1.0 if targeted else 1.0) * torch.sign(change.grad)
    return torch.clip(x + step, 0.0, 1.0)


# ── project ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("attacks.project")
def with_minimum_and_maximum(z, x, eps, norm):
    if norm == "linf":
        return torch.minimum(torch.maximum(z, (x - eps).clamp(min=0)), (x + eps).clamp(max=1))
    d = z - x
    length = d.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
    return torch.where(length > eps, x + d / length * eps, z).clamp(0, 1)


@right("attacks.project")
def picture_by_picture(z, x, eps, norm):
    out = []
    for a, b in zip(z, x):
        if norm == "linf":
            a = b + (a - b).clamp(-eps, eps)
        elif float((a - b).norm()) > eps:
            a = b + torch.renorm((a - b).flatten()[None], 2, 0, eps).view_as(b)
        out.append(a.clamp(0, 1))
    return torch.stack(out)


# ── pgd ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("attacks.pgd")
def with_a_change_instead_of_a_picture(model, x, y, start, eps, alpha, steps):
    change = start - x
    for _ in range(steps):
        change = change.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(model(x + change), y, reduction="sum")
        g = torch.autograd.grad(loss, change)[0]
        change = torch.minimum(torch.maximum((change + alpha * g.sign()).clamp(-eps, eps), -x), 1 - x)
    return (x + change).detach()


@right("attacks.pgd")
def with_backward_and_a_fresh_leaf(model, x, y, start, eps, alpha, steps):
    z = start.detach().clone()
    for _ in range(steps):
        z.requires_grad_(True)
        torch.nn.functional.cross_entropy(model(z), y).backward()
        with torch.no_grad():
            z = torch.clamp(z + alpha * z.grad.sign(), min=x - eps, max=x + eps).clamp(0, 1)
    return z


# ── success_rate ──────────────────────────────────────────────────────────────────────────────────────────────────────


@right("attacks.success_rate")
def by_counting(before, after, y):
    pairs = [(a, b) for a, b, t in zip(before.argmax(1).tolist(), after.argmax(1).tolist(), y.tolist()) if a == t]
    return sum(a != b for a, b in pairs) / len(pairs)


@right("attacks.success_rate")
def by_one_minus_what_is_left(before, after, y):
    was = (before.max(1).indices == y).float()
    still = was * (after.max(1).indices == y)
    return 1 - still.sum() / was.sum()


# ── adversarial_step ──────────────────────────────────────────────────────────────────────────────────────────────────


@right("attacks.adversarial_step")
def with_gradients_by_hand(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    loss = torch.nn.functional.nll_loss(model(z).log_softmax(1), y)
    weights = list(model.parameters())
    for p, g in zip(weights, torch.autograd.grad(loss, weights)):
        p.grad = g
    optimizer.step()
    return loss.item()


@right("attacks.adversarial_step")
def clears_twice_to_be_sure(model, optimizer, attack, x, y):
    optimizer.zero_grad()
    z = attack(model, x, y).detach()
    model.train()
    for p in model.parameters():
        p.grad = None
    loss = torch.nn.functional.cross_entropy(model(z), y)
    loss.backward()
    optimizer.step()
    return loss


@right("attacks.fgsm")
def with_backward_on_the_model(model, x, y, eps, targeted=False):
    z = x.clone().detach().requires_grad_(True)
    loss = torch.nn.CrossEntropyLoss()(model(z), y)
    model.zero_grad()
    loss.backward()
    direction = z.grad.data.sign()
    if targeted:
        direction = -direction
    return torch.clamp(x + eps * direction, 0, 1)


@right("attacks.success_rate")
def by_numpy(before, after, y):
    first, last, y = before.numpy().argmax(1), after.numpy().argmax(1), y.numpy()
    return ((first == y) & (last != y)).sum() / (first == y).sum()
