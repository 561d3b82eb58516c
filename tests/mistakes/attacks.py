"""Answers to exercise 04 that students plausibly give."""

import math

import torch

from tests.mistakes import mistake, right

# ── input_gradient ────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("attacks.input_gradient", says="divided by the size of the batch")
def takes_the_mean_loss(model, x, y):
    z = x.detach().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(z), y)
    return torch.autograd.grad(loss, z)[0]


@mistake("attacks.input_gradient", says="leaves gradients")
def calls_backward(model, x, y):
    z = x.detach().clone().requires_grad_()
    torch.nn.functional.cross_entropy(model(z), y, reduction="sum").backward()
    return z.grad


@mistake("attacks.input_gradient", says="leaves gradients")
def clears_the_weights_gradients_afterwards(model, x, y):
    z = x.detach().clone().requires_grad_()
    torch.nn.functional.cross_entropy(model(z), y, reduction="sum").backward()
    model.zero_grad()
    return z.grad


@mistake("attacks.input_gradient", says="requires_grad")
def switches_on_the_callers_tensor(model, x, y):
    x.requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(x), y, reduction="sum")
    return torch.autograd.grad(loss, x)[0]


@mistake("attacks.input_gradient", says="score of class y")
def takes_the_gradient_of_the_score(model, x, y):
    z = x.detach().requires_grad_()
    score = model(z).gather(1, y[:, None]).sum()
    return torch.autograd.grad(score, z)[0]


@mistake("attacks.input_gradient", says="only its sign")
def returns_the_sign(model, x, y):
    z = x.detach().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(z), y, reduction="sum")
    return torch.autograd.grad(loss, z)[0].sign()


@mistake("attacks.input_gradient", says="downhill")
def forgets_the_minus_of_the_logarithm(model, x, y):
    z = x.detach().requires_grad_()
    likelihood = model(z).log_softmax(1).gather(1, y[:, None]).sum()
    return torch.autograd.grad(likelihood, z)[0]


@mistake("attacks.input_gradient", says="does not require grad")
def forgets_to_ask_for_a_gradient(model, x, y):
    for p in model.parameters():
        p.requires_grad_(False)
    loss = torch.nn.functional.cross_entropy(model(x), y, reduction="sum")
    return torch.autograd.grad(loss, x)[0]


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


@mistake("attacks.fgsm", says="leave [0, 1]")
def forgets_to_clamp(model, x, y, eps, targeted=False):
    z = x.detach().requires_grad_()
    g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
    return x + (-eps if targeted else eps) * g.sign()


@mistake("attacks.fgsm", says="moves towards the class")
def goes_downhill(model, x, y, eps, targeted=False):
    z = x.detach().requires_grad_()
    g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
    return (x - eps * g.sign()).clamp(0, 1)


@mistake("attacks.fgsm", says="moves away from the target")
def ignores_targeted(model, x, y, eps, targeted=False):
    z = x.detach().requires_grad_()
    g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
    return (x + eps * g.sign()).clamp(0, 1)


@mistake("attacks.fgsm", says="take its sign")
def adds_the_gradient_itself(model, x, y, eps, targeted=False):
    z = x.detach().requires_grad_()
    g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y, reduction="sum"), z)[0]
    return (x + (-eps if targeted else eps) * g).clamp(0, 1)


@mistake("attacks.fgsm", says="l2 norm")
def scales_the_gradient_to_length_one(model, x, y, eps, targeted=False):
    z = x.detach().requires_grad_()
    g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
    g = g / g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return (x + (-eps if targeted else eps) * g).clamp(0, 1)


@mistake("attacks.fgsm", says="divide it by 255")
def takes_eps_for_grey_levels(model, x, y, eps, targeted=False):
    z = x.detach().requires_grad_()
    g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
    return (x + (-eps if targeted else eps) / 255 * g.sign()).clamp(0, 1)


@mistake("attacks.fgsm", says="perturbation alone")
def returns_the_perturbation(model, x, y, eps, targeted=False):
    z = x.detach().requires_grad_()
    g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
    return (-eps if targeted else eps) * g.sign()


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


@mistake("attacks.project", says="l2")
def knows_only_linf(z, x, eps, norm):
    return (x + (z - x).clamp(-eps, eps)).clamp(0, 1)


@mistake("attacks.project", says="leave [0, 1]")
def forgets_the_range_of_pixels(z, x, eps, norm):
    d = z - x
    if norm == "linf":
        return x + d.clamp(-eps, eps)
    length = d.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return x + d * (eps / length).clamp(max=1)


@mistake("attacks.project", says="pushed out")
def puts_everything_on_the_surface(z, x, eps, norm):
    d = z - x
    if norm == "linf":
        return (x + d.clamp(-eps, eps)).clamp(0, 1)
    return (x + eps * d / d.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).clamp(0, 1)


@mistake("attacks.project", says="whole batch")
def measures_the_whole_batch(z, x, eps, norm):
    d = z - x
    if norm == "linf":
        return (x + d.clamp(-eps, eps)).clamp(0, 1)
    return (x + d * min(1.0, eps / float(d.norm()))).clamp(0, 1)


@mistake("attacks.project", says="clamps the picture itself")
def clamps_the_picture_to_eps(z, x, eps, norm):
    if norm == "linf":
        return z.clamp(-eps, eps)
    d = z - x
    return (x + d * (eps / d.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).clamp(max=1)).clamp(0, 1)


@mistake("attacks.project", says="before it shrinks")
def clamps_before_it_shrinks(z, x, eps, norm):
    d = z.clamp(0, 1) - x
    if norm == "linf":
        return x + d.clamp(-eps, eps)
    return x + d * (eps / d.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).clamp(max=1)


@mistake("attacks.project", says="without the picture")
def returns_the_difference(z, x, eps, norm):
    d = z - x
    return d.clamp(-eps, eps) if norm == "linf" else d * eps / d.flatten(1).norm(dim=1).clamp(min=eps).view(-1, 1, 1, 1)


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


@mistake("attacks.pgd", says="leaves the ball")
def forgets_the_ball(model, x, y, start, eps, alpha, steps):
    z = start.clone()
    for _ in range(steps):
        z = z.detach().requires_grad_()
        g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
        z = (z + alpha * g.sign()).clamp(0, 1).detach()
    return z


@mistake("attacks.pgd", says="must be about `x`")
def projects_about_the_start(model, x, y, start, eps, alpha, steps):
    z = start.clone()
    for _ in range(steps):
        z = z.detach().requires_grad_()
        g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
        z = (start + (z + alpha * g.sign() - start).clamp(-eps, eps)).clamp(0, 1).detach()
    return z


@mistake("attacks.pgd", says="take its sign")
def steps_along_the_gradient_itself(model, x, y, start, eps, alpha, steps):
    z = start.clone()
    for _ in range(steps):
        z = z.detach().requires_grad_()
        g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y, reduction="sum"), z)[0]
        z = (x + (z + alpha * g - x).clamp(-eps, eps)).clamp(0, 1).detach()
    return z


@mistake("attacks.pgd", says="begin at `start`")
def begins_at_the_picture(model, x, y, start, eps, alpha, steps):
    z = x.clone()
    for _ in range(steps):
        z = z.detach().requires_grad_()
        g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
        z = (x + (z + alpha * g.sign() - x).clamp(-eps, eps)).clamp(0, 1).detach()
    return z


@mistake("attacks.pgd", says="downhill")
def descends(model, x, y, start, eps, alpha, steps):
    z = start.clone()
    for _ in range(steps):
        z = z.detach().requires_grad_()
        g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
        z = (x + (z - alpha * g.sign() - x).clamp(-eps, eps)).clamp(0, 1).detach()
    return z


@mistake("attacks.pgd", says="leave [0, 1]")
def forgets_the_range_in_the_loop(model, x, y, start, eps, alpha, steps):
    z = start.clone()
    for _ in range(steps):
        z = z.detach().requires_grad_()
        g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
        z = (x + (z + alpha * g.sign() - x).clamp(-eps, eps)).detach()
    return z


@mistake("attacks.pgd", says="size is alpha")
def takes_steps_of_eps(model, x, y, start, eps, alpha, steps):
    z = start.clone()
    for _ in range(steps):
        z = z.detach().requires_grad_()
        g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
        z = (x + (z + eps * g.sign() - x).clamp(-eps, eps)).clamp(0, 1).detach()
    return z


@mistake("attacks.pgd", says="a single step")
def returns_inside_the_loop(model, x, y, start, eps, alpha, steps):
    z = start.clone()
    for _ in range(steps):
        z = z.detach().requires_grad_()
        g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y), z)[0]
        z = (x + (z + alpha * g.sign() - x).clamp(-eps, eps)).clamp(0, 1).detach()
        return z


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


@mistake("attacks.success_rate", says="wrong before the attack")
def counts_what_was_wrong_before(before, after, y):
    return (after.argmax(1) != y).double().mean()


@mistake("attacks.success_rate", says="divides by all")
def divides_by_everything(before, after, y):
    return ((before.argmax(1) == y) & (after.argmax(1) != y)).double().mean()


@mistake("attacks.success_rate", says="changed answers")
def counts_changes(before, after, y):
    return (before.argmax(1) != after.argmax(1)).double().mean()


@mistake("attacks.success_rate", says="withstood")
def counts_what_withstood(before, after, y):
    was = before.argmax(1) == y
    return (after.argmax(1) == y)[was].double().mean()


@mistake("attacks.success_rate", says="per cent")
def gives_per_cent(before, after, y):
    was = before.argmax(1) == y
    return 100 * (after.argmax(1) != y)[was].double().mean()


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


@mistake("attacks.adversarial_step", says="after the attack")
def clears_before_the_attack(model, optimizer, attack, x, y):
    optimizer.zero_grad()
    z = attack(model, x, y)
    loss = torch.nn.functional.cross_entropy(model(z), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


@mistake("attacks.adversarial_step", says="zero_grad()")
def never_clears(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    loss = torch.nn.functional.cross_entropy(model(z), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


@mistake("attacks.adversarial_step", says="clean pictures")
def learns_from_the_clean_pictures(model, optimizer, attack, x, y):
    attack(model, x, y)
    loss = torch.nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


@mistake("attacks.adversarial_step", says="optimizer.step()")
def never_steps(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    loss = torch.nn.functional.cross_entropy(model(z), y)
    optimizer.zero_grad()
    loss.backward()
    return loss.detach()


@mistake("attacks.adversarial_step", says="loss that is returned")
def returns_the_clean_loss(model, optimizer, attack, x, y):
    clean = torch.nn.functional.cross_entropy(model(x), y)
    z = attack(model, x, y)
    loss = torch.nn.functional.cross_entropy(model(z), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return clean.detach()


@mistake("attacks.adversarial_step", says="together")
def learns_from_both(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    loss = torch.nn.functional.cross_entropy(model(z), y) + torch.nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


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
