"""Answers to exercise 04, written without a look at the checks."""

import torch
from torch import nn
from torch.nn import functional as F

# ── input_gradient ────────────────────────────────────────────────────────────────────────────────────────────────────


def gradient_with_backward_on_the_weights(model, x, y):
    z = x.clone().requires_grad_(True)
    F.cross_entropy(model(z), y, reduction="sum").backward()
    return z.grad


def gradient_of_the_mean(model, x, y):
    z = x.clone().detach().requires_grad_(True)
    (grad,) = torch.autograd.grad(F.cross_entropy(model(z), y), z)
    return grad


def gradient_of_the_logit(model, x, y):
    z = x.clone().detach().requires_grad_(True)
    score = model(z).gather(1, y[:, None]).sum()
    return torch.autograd.grad(score, z)[0]


def gradient_of_the_probability(model, x, y):
    z = x.clone().detach().requires_grad_(True)
    p = model(z).softmax(1)[torch.arange(len(y)), y]
    return torch.autograd.grad(p.sum(), z)[0]


def gradient_as_absolute_value(model, x, y):
    z = x.clone().detach().requires_grad_(True)
    return torch.autograd.grad(F.cross_entropy(model(z), y, reduction="sum"), z)[0].abs()


def gradient_tracks_x(model, x, y):
    x.requires_grad = True
    return torch.autograd.grad(F.cross_entropy(model(x), y, reduction="sum"), x)[0]


def gradient_after_zero_grad(model, x, y):
    z = x.clone().detach().requires_grad_(True)
    model.zero_grad()
    F.cross_entropy(model(z), y, reduction="sum").backward()
    g = z.grad.clone()
    model.zero_grad()
    return g


def gradient_with_nll_of_softmax(model, x, y):
    z = x.clone().detach().requires_grad_(True)
    loss = F.nll_loss(F.softmax(model(z), dim=1), y, reduction="sum")
    return torch.autograd.grad(loss, z)[0]


def gradient_as_tuple(model, x, y):
    z = x.clone().detach().requires_grad_(True)
    return torch.autograd.grad(F.cross_entropy(model(z), y, reduction="sum"), z)


def right_gradient_one_by_one(model, x, y):
    rows = []
    for picture, label in zip(x, y):
        z = picture[None].detach().clone().requires_grad_()
        rows.append(torch.autograd.grad(-model(z).log_softmax(1)[0, label], z)[0])
    return torch.cat(rows)


def right_gradient_with_inputs(model, x, y):
    z = x.detach().clone()
    z.requires_grad_(True)
    (len(x) * F.cross_entropy(model(z), y)).backward(inputs=[z])
    return z.grad


# ── fgsm ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def gradient(model, x, y):
    z = x.detach().clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(z), y, reduction="sum"), z)[0]


def fgsm_ignores_targeted(model, x, y, eps, targeted=False):
    return torch.clamp(x + eps * gradient(model, x, y).sign(), 0, 1)


def fgsm_clamps_the_step(model, x, y, eps, targeted=False):
    g = gradient(model, x, y)
    g = -g if targeted else g
    return x + (eps * g.sign()).clamp(0, 1)


def fgsm_normalises(model, x, y, eps, targeted=False):
    g = gradient(model, x, y)
    g = g / g.abs().amax(dim=(1, 2, 3), keepdim=True)
    return (x - eps * g if targeted else x + eps * g).clamp(0, 1)


def fgsm_other_class_when_targeted(model, x, y, eps, targeted=False):
    if targeted:
        y = model(x).argmax(1)
    return (x + eps * gradient(model, x, y).sign()).clamp(0, 1)


def fgsm_keeps_the_range_of_x(model, x, y, eps, targeted=False):
    direction = -1 if targeted else 1
    return (x + direction * eps * gradient(model, x, y).sign()).clamp(x.min(), x.max())


def fgsm_with_where(model, x, y, eps, targeted=False):
    g = gradient(model, x, y)
    step = torch.where(g > 0, eps, -eps)
    return (x - step if targeted else x + step).clamp(0, 1).to(x.dtype)


def fgsm_half_of_targeted(model, x, y, eps, targeted=False):
    g = gradient(model, x, y).sign() * eps
    if targeted:
        return x - g
    return (x + g).clamp(0, 1)


def right_fgsm_with_where(model, x, y, eps, targeted=False):
    g = gradient(model, x, y)
    up = (g > 0).to(x.dtype) - (g < 0).to(x.dtype)
    return torch.clip(x + (1 - 2 * int(targeted)) * eps * up, min=0.0, max=1.0)


# ── success_rate ──────────────────────────────────────────────────────────────────────────────────────────────────────


def rate_of_all(before, after, y):
    return (after.argmax(dim=1) != y).float().mean()


def rate_of_changed(before, after, y):
    return (before.argmax(dim=1) != after.argmax(dim=1)).float().mean()


def rate_as_difference_of_accuracies(before, after, y):
    a = (before.argmax(1) == y).float().mean()
    b = (after.argmax(1) == y).float().mean()
    return a - b


def rate_of_accuracy_lost(before, after, y):
    a = (before.argmax(1) == y).float().mean()
    b = (after.argmax(1) == y).float().mean()
    return (a - b) / a


def rate_over_all_pictures(before, after, y):
    right = before.argmax(1) == y
    wrong = after.argmax(1) != y
    return (right & wrong).sum() / len(y)


def rate_integer_division(before, after, y):
    right = before.argmax(1) == y
    wrong = after.argmax(1) != y
    return int((right & wrong).sum()) // int(right.sum())


def right_rate_by_counting(before, after, y):
    total = fooled = 0
    for b, a, label in zip(before.argmax(1).tolist(), after.argmax(1).tolist(), y.tolist()):
        if b == label:
            total += 1
            fooled += a != label
    return fooled / total


def right_rate_with_a_table(before, after, y):
    table = torch.zeros(2, 2)
    for i in range(len(y)):
        table[int(before[i].argmax() == y[i]), int(after[i].argmax() == y[i])] += 1
    return table[1, 0] / table[1].sum()


# ── project ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def project_one_length_for_the_batch(z, x, eps, norm):
    d = z - x
    d = d.clamp(-eps, eps) if norm == "linf" else d * min(1.0, eps / float(d.norm() + 1e-12))
    return (x + d).clamp(0, 1)


def project_always_scales(z, x, eps, norm):
    d = z - x
    if norm == "linf":
        d = torch.clamp(d, -eps, eps)
    else:
        d = eps * d / (d.flatten(1).norm(dim=1)[:, None, None, None] + 1e-12)
    return (x + d).clamp(0, 1)


def project_divides_by_zero(z, x, eps, norm):
    d = z - x
    if norm == "linf":
        d = torch.clamp(d, -eps, eps)
    else:
        length = d.flatten(1).norm(dim=1)[:, None, None, None]
        d = d / length * torch.minimum(length, torch.full_like(length, eps))
    return (x + d).clamp(0, 1)


def project_per_channel(z, x, eps, norm):
    d = z - x
    if norm == "linf":
        d = torch.clamp(d, -eps, eps)
    else:
        length = d.norm(dim=(2, 3), keepdim=True).clamp_min(1e-12)
        d = d * (eps / length).clamp(max=1)
    return (x + d).clamp(0, 1)


def project_returns_the_difference(z, x, eps, norm):
    d = z - x
    if norm == "linf":
        return d.clamp(-eps, eps)
    length = d.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None, None]
    return d * (eps / length).clamp(max=1)


def project_tests_another_word(z, x, eps, norm):
    d = z - x
    if norm == "Linf":
        d = d.clamp(-eps, eps)
    else:
        length = d.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None, None]
        d = d * (eps / length).clamp(max=1)
    return (x + d).clamp(0, 1)


def right_project_with_renorm(z, x, eps, norm):
    d = (z - x).flatten(1)
    d = d.clip(-eps, eps) if norm == "linf" else torch.renorm(d, 2, 0, eps)
    return (x + d.view_as(x)).clip(0, 1)


def right_project_with_a_loop(z, x, eps, norm):
    rows = []
    for a, b in zip(z, x):
        d = a - b
        if norm == "linf":
            d = torch.minimum(torch.maximum(d, torch.full_like(d, -eps)), torch.full_like(d, eps))
        elif d.norm() > eps:
            d = d / d.norm() * eps
        rows.append(b + d)
    return torch.stack(rows).clamp(0, 1)


# ── pgd ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pgd_starts_from_x(model, x, y, start, eps, alpha, steps):
    z = x
    for _ in range(steps):
        z = torch.max(torch.min(z + alpha * gradient(model, z, y).sign(), x + eps), x - eps).clamp(0, 1)
    return z


def pgd_ball_around_start(model, x, y, start, eps, alpha, steps):
    z = start
    for _ in range(steps):
        z = torch.max(torch.min(z + alpha * gradient(model, z, y).sign(), start + eps), start - eps).clamp(0, 1)
    return z


def pgd_gradient_once(model, x, y, start, eps, alpha, steps):
    z, g = start, gradient(model, start, y).sign()
    for _ in range(steps):
        z = torch.max(torch.min(z + alpha * g, x + eps), x - eps).clamp(0, 1)
    return z


def pgd_projects_at_the_end(model, x, y, start, eps, alpha, steps):
    z = start
    for _ in range(steps):
        z = z + alpha * gradient(model, z, y).sign()
    return torch.max(torch.min(z, x + eps), x - eps).clamp(0, 1)


def pgd_one_step_too_few(model, x, y, start, eps, alpha, steps):
    z = start
    for _ in range(1, steps):
        z = torch.max(torch.min(z + alpha * gradient(model, z, y).sign(), x + eps), x - eps).clamp(0, 1)
    return z


def pgd_returns_in_the_loop(model, x, y, start, eps, alpha, steps):
    z = start
    for _ in range(steps):
        z = torch.max(torch.min(z + alpha * gradient(model, z, y).sign(), x + eps), x - eps).clamp(0, 1)
        return z


def pgd_without_sign(model, x, y, start, eps, alpha, steps):
    z = start
    for _ in range(steps):
        z = torch.max(torch.min(z + alpha * gradient(model, z, y), x + eps), x - eps).clamp(0, 1)
    return z


def right_pgd_with_clip(model, x, y, start, eps, alpha, steps):
    low, high = (x - eps).clip(0, 1), (x + eps).clip(0, 1)
    z = start.clone()
    while steps > 0:
        z, steps = torch.clip(z + alpha * torch.sign(gradient(model, z, y)), low, high), steps - 1
    return z


# ── adversarial_step ──────────────────────────────────────────────────────────────────────────────────────────────────


def step_zeroes_too_early(model, optimizer, attack, x, y):
    optimizer.zero_grad()
    z = attack(model, x, y)
    loss = F.cross_entropy(model(z), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


def step_on_clean_pictures(model, optimizer, attack, x, y):
    attack(model, x, y)
    loss = nn.CrossEntropyLoss()(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_on_both(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    loss = F.cross_entropy(model(torch.cat([x, z])), torch.cat([y, y]))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_gives_the_loss_afterwards(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    optimizer.zero_grad()
    F.cross_entropy(model(z), y).backward()
    optimizer.step()
    with torch.no_grad():
        return F.cross_entropy(model(z), y)


def step_forgets_the_update(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    loss = F.cross_entropy(model(z), y)
    optimizer.zero_grad()
    loss.backward()
    return loss.detach()


def step_on_predicted_labels(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    loss = F.cross_entropy(model(z), model(x).argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def right_step_with_set_to_none(model, optimizer, attack, x, y):
    z = attack(model, x, y).detach()
    for p in model.parameters():
        p.grad = None
    loss = -model(z).log_softmax(1)[range(len(y)), y].mean()
    loss.backward()
    optimizer.step()
    return float(loss)


def right_step_with_a_name_for_each(model, optimizer, attack, x, y):
    pictures = attack(model, x, y)
    optimizer.zero_grad(set_to_none=False)
    logits = model(pictures)
    value = nn.NLLLoss()(torch.log_softmax(logits, -1), y)
    value.backward()
    optimizer.step()
    return value


def answers(kind, key, *functions):
    return [(f"attacks.{key}", function, kind) for function in functions]


FRESH = [
    *answers("wrong", "input_gradient", gradient_with_backward_on_the_weights, gradient_of_the_mean,
             gradient_of_the_logit, gradient_of_the_probability, gradient_as_absolute_value, gradient_tracks_x,
             gradient_after_zero_grad, gradient_with_nll_of_softmax, gradient_as_tuple),
    *answers("right", "input_gradient", right_gradient_one_by_one, right_gradient_with_inputs),
    *answers("wrong", "fgsm", fgsm_ignores_targeted, fgsm_clamps_the_step, fgsm_normalises,
             fgsm_other_class_when_targeted, fgsm_keeps_the_range_of_x, fgsm_with_where, fgsm_half_of_targeted),
    *answers("right", "fgsm", right_fgsm_with_where),
    *answers("wrong", "success_rate", rate_of_all, rate_of_changed, rate_as_difference_of_accuracies,
             rate_of_accuracy_lost, rate_over_all_pictures, rate_integer_division),
    *answers("right", "success_rate", right_rate_by_counting, right_rate_with_a_table),
    *answers("wrong", "project", project_one_length_for_the_batch, project_always_scales, project_divides_by_zero,
             project_per_channel, project_returns_the_difference, project_tests_another_word),
    *answers("right", "project", right_project_with_renorm, right_project_with_a_loop),
    *answers("wrong", "pgd", pgd_starts_from_x, pgd_ball_around_start, pgd_gradient_once, pgd_projects_at_the_end,
             pgd_one_step_too_few, pgd_returns_in_the_loop, pgd_without_sign),
    *answers("right", "pgd", right_pgd_with_clip),
    *answers("wrong", "adversarial_step", step_zeroes_too_early, step_on_clean_pictures, step_on_both,
             step_gives_the_loss_afterwards, step_forgets_the_update, step_on_predicted_labels),
    *answers("right", "adversarial_step", right_step_with_set_to_none, right_step_with_a_name_for_each),
]  # fmt: skip
