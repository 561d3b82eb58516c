"""Topic ``attacks``: what is right in exercise 04, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit import attacks
from labkit.checks.bank import mistake, mistakes, reference


def slope(model: nn.Module, x: Tensor, y: Tensor, reduction: str = "sum") -> Tensor:
    """The input gradient of the cross-entropy."""
    z = x.detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(z), y, reduction=reduction), z)[0]


def length(d: Tensor) -> Tensor:
    """Each picture's length, to be multiplied with pictures."""
    return d.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


# ── input_gradient ────────────────────────────────────────────────────────────────────────────────────────────────────

TIDY = (
    "it leaves gradients on the model's weights, and the next training step would use them: "
    "`torch.autograd.grad(loss, z)` computes only the one you ask for"
)
TRACKED = "it switches `requires_grad` on for the caller's `x`: work on `z = x.detach().requires_grad_()`"


@reference(
    "attacks.input_gradient",
    instead_of=(attacks.input_gradient,),
    otherwise={"the gradients on the weights": TIDY, "tracked": TRACKED},
)
def input_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Each sample's gradient of its own cross-entropy: (B, C, H, W), (B,) → (B, C, H, W)."""
    return attacks.input_gradient(model, x, y)


wrong_gradient = "attacks.input_gradient"


@mistake(wrong_gradient, "the gradients are divided by the size of the batch: sum the losses instead of taking their "
         "mean, and each picture gets its own gradient")  # fmt: skip
def takes_the_mean_loss(model, x, y):
    return slope(model, x, y, "mean")


@mistake(wrong_gradient, TIDY)
def calls_backward(model, x, y):
    z = x.detach().clone().requires_grad_()
    F.cross_entropy(model(z), y, reduction="sum").backward()
    return z.grad


@mistake(wrong_gradient, TIDY)
def clears_the_weights_gradients_afterwards(model, x, y):
    z = x.detach().clone().requires_grad_()
    F.cross_entropy(model(z), y, reduction="sum").backward()
    model.zero_grad()
    return z.grad


@mistake(wrong_gradient, TRACKED)
def switches_on_the_callers_tensor(model, x, y):
    x.requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(x), y, reduction="sum"), x)[0]


@mistake(wrong_gradient, "the sign is wrong: it points downhill, to a smaller loss")
def forgets_the_minus_of_the_logarithm(model, x, y):
    z = x.detach().requires_grad_()
    return torch.autograd.grad(model(z).log_softmax(1).gather(1, y[:, None]).sum(), z)[0]


@mistake(wrong_gradient, "it is the gradient of the label's logit alone: the cross-entropy looks at all classes")
def takes_the_logit_of_the_label(model, x, y):
    z = x.detach().requires_grad_()
    return torch.autograd.grad(-model(z).gather(1, y[:, None]).sum(), z)[0]


@mistake(wrong_gradient, "only its sign is left: return the gradient itself")
def returns_the_sign(model, x, y):
    return slope(model, x, y).sign()


@mistake(wrong_gradient, "it is the gradient for the class the model predicts: use the labels `y`")
def takes_predicted_labels(model, x, y):
    return slope(model, x, model(x).argmax(1))


@mistake(wrong_gradient, "it is the gradient of the score of class y: take that of the loss, the cross-entropy")
def takes_the_gradient_of_the_score(model, x, y):
    z = x.detach().requires_grad_()
    return torch.autograd.grad(model(z).gather(1, y[:, None]).sum(), z)[0]


@mistake(wrong_gradient, "it is the gradient of the margin, not of the cross-entropy")
def takes_the_gradient_of_the_margin(model, x, y):
    return attacks.input_gradient(model, x, y, loss=attacks.margin)


@mistake(wrong_gradient, "it is the gradient of the probability of class y: take that of the cross-entropy, "
         "the negative logarithm of it")  # fmt: skip
def takes_the_gradient_of_the_probability(model, x, y):
    z = x.detach().requires_grad_()
    return torch.autograd.grad(model(z).softmax(1).gather(1, y[:, None]).sum(), z)[0]


@mistake(wrong_gradient, "`nll_loss` takes the logarithm of the softmax, not the softmax: use `cross_entropy`")
def gives_nll_loss_probabilities(model, x, y):
    z = x.detach().requires_grad_()
    return torch.autograd.grad(F.nll_loss(model(z).softmax(1), y, reduction="sum"), z)[0]


@mistake(wrong_gradient, "the softmax is taken twice: `cross_entropy` takes it itself, so give it the logits")
def takes_the_softmax_twice(model, x, y):
    z = x.detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(z).softmax(1), y, reduction="sum"), z)[0]


@mistake(wrong_gradient, says="does not require grad")
def forgets_to_ask_for_a_gradient(model, x, y):
    with torch.no_grad():
        loss = F.cross_entropy(model(x), y, reduction="sum")
    return torch.autograd.grad(loss, x)[0]


# ── fgsm ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("attacks.fgsm", instead_of=(attacks.fgsm, attacks.pgd, attacks.bim))
def fgsm(model: nn.Module, x: Tensor, y: Tensor, eps: float, targeted: bool = False) -> Tensor:
    """The fast gradient sign method: away from class y, or towards it where it is the target."""
    return attacks.fgsm(model, x, y, eps=eps, targeted=targeted)


def with_step(move: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer whose step is ``move`` of the picture, the gradient (turned round towards a target) and ε."""

    def answer(model, x, y, eps, targeted=False):
        g = slope(model, x, y)
        return move(x, -g if targeted else g, eps)

    return answer


mistakes(
    "attacks.fgsm",
    {
        "pixels leave [0, 1]: cut them with `clamp`": lambda x, g, eps: x + eps * g.sign(),
        "it adds the gradient itself: every pixel moves by ε, so take its sign": (
            lambda x, g, eps: (x + eps * g).clamp(0, 1),
            lambda x, g, eps: (x + eps * g / len(x)).clamp(0, 1),
        ),
        "it adds the gradient itself and leaves [0, 1]: take its sign, then clamp": lambda x, g, eps: x + eps * g,
        "the gradient is scaled to length 1: that is the step of the l2 norm; here take its sign": (
            lambda x, g, eps: (x + eps * g / length(g)).clamp(0, 1)
        ),
        "the gradient is divided by its largest entry: every pixel moves by ε, so take its sign": (
            lambda x, g, eps: (x + eps * g / g.abs().amax(dim=(1, 2, 3), keepdim=True)).clamp(0, 1)
        ),
        "eps is already in pixel units, from 0 to 1: don't divide it by 255": (
            lambda x, g, eps: (x + eps / 255 * g.sign()).clamp(0, 1)
        ),
        "it returns the perturbation alone: add it to the picture": lambda x, g, eps: eps * g.sign(),
        "it returns the perturbation alone, clamped: add it to the picture first": (
            lambda x, g, eps: (eps * g.sign()).clamp(0, 1)
        ),
        "all pixels move in the same direction": lambda x, g, eps: (x + eps).clamp(0, 1),
        "the colours of a pixel move together: take the sign of the gradient in each channel by itself": (
            lambda x, g, eps: (x + eps * g.mean(1, keepdim=True).sign()).clamp(0, 1)
        ),
        "the pictures of a batch move together: take the sign of each picture's own gradient": (
            lambda x, g, eps: (x + eps * g.mean(0, keepdim=True).sign()).clamp(0, 1)
        ),
        "a pixel whose gradient is 0 moves too: its sign is 0, so it stays": (
            lambda x, g, eps: (x + eps * (2 * (g >= 0).to(x) - 1)).clamp(0, 1),
            lambda x, g, eps: (x + eps * (2 * (g > 0).to(x) - 1)).clamp(0, 1),
        ),
        "the step is cut to [0, 1], so that no pixel becomes darker: cut the picture": (
            lambda x, g, eps: x + (eps * g.sign()).clamp(0, 1)
        ),
        "pixels are cut to the range of the pictures given: the range of all pictures is [0, 1]": (
            lambda x, g, eps: (x + eps * g.sign()).clamp(x.min(), x.max())
        ),
        "half of the pixels stay: where the gradient is negative, a pixel moves down": (
            lambda x, g, eps: (x + eps * (g > 0).to(x)).clamp(0, 1)
        ),
    },
    of=with_step,
)

mistakes(
    "attacks.fgsm",
    {
        "it moves towards the class: go uphill in the loss, and downhill only with `targeted`": (
            lambda model, x, y, eps, targeted=False: fgsm(model, x, y, eps, True)
        ),
        "it moves away from the target: go downhill in the loss with `targeted`": (
            lambda model, x, y, eps, targeted=False: fgsm(model, x, y, eps, False)
        ),
        "the two directions are exchanged: go uphill in the loss, and downhill only with `targeted`": (
            lambda model, x, y, eps, targeted=False: fgsm(model, x, y, eps, not targeted)
        ),
        "it uses the model's own answer as the label: use `y`": (
            lambda model, x, y, eps, targeted=False: fgsm(model, x, model(x).argmax(1), eps, targeted)
        ),
        "with `targeted` it flees from the model's own answer: `y` is the target, go downhill in its loss": (
            lambda model, x, y, eps, targeted=False: fgsm(model, x, model(x).argmax(1) if targeted else y, eps)
        ),
        "a pixel whose gradient is 0 moves too: its sign is 0, so it stays": (
            lambda model, x, y, eps, targeted=False: (
                x + (-eps if targeted else eps) * (2 * (slope(model, x, y) > 0).to(x) - 1)
            ).clamp(0, 1),
            lambda model, x, y, eps, targeted=False: (
                x + (-eps if targeted else eps) * (2 * (slope(model, x, y) >= 0).to(x) - 1)
            ).clamp(0, 1),
        ),
    },
)


# ── project ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("attacks.project", instead_of=(attacks.project, attacks.ball, attacks.Linf.project, attacks.L2.project))
def project(z: Tensor, x: Tensor, eps: float, norm: str) -> Tensor:
    """The nearest picture to z within eps of x: each pixel (``"linf"``), or the whole difference (``"l2"``)."""
    return attacks.project(z, x, eps=eps, norm=norm)


def shortened(d: Tensor, eps: float, norm: str) -> Tensor:
    """The difference, brought into the ball."""
    return d.clamp(-eps, eps) if norm == "linf" else by(length(d))(d, eps)


def by(size: Tensor) -> Callable[[Tensor, float], Tensor]:
    """Shortens a difference whose length is said to be ``size``."""
    return lambda d, eps: d * (eps / size.clamp(min=1e-12)).clamp(max=1)


def in_l2(shorten: Callable[[Tensor, float], Tensor]) -> Callable[..., Tensor]:
    """An answer that is right in l∞, and shortens the difference by ``shorten`` in l2."""

    def answer(z, x, eps, norm):
        d = z - x
        return (x + (d.clamp(-eps, eps) if norm == "linf" else shorten(d, eps))).clamp(0, 1)

    return answer


mistakes(
    "attacks.project",
    {
        "what lies inside the ball is pushed out to its surface: shrink only what is longer than eps": (
            lambda d, eps: d * eps / length(d).clamp(min=1e-12)
        ),
        "a picture that has not moved becomes nan: its length is 0, and 0 / 0 is not a number": (
            lambda d, eps: d / length(d) * length(d).clamp(max=eps)
        ),
        "the length is taken over the whole batch: each picture has its own": lambda d, eps: by(d.norm())(d, eps),
        "the length is taken of each pixel's colours: take it of the whole picture": (
            lambda d, eps: by(d.norm(dim=1, keepdim=True))(d, eps)
        ),
        "the length is taken of each channel: take it of the whole picture": (
            lambda d, eps: by(d.flatten(2).norm(dim=2)[..., None, None])(d, eps)
        ),
        "the square of the length is compared with eps: take the root": lambda d, eps: by(length(d) ** 2)(d, eps),
        "the length is the sum of absolute values (l1): l2 is the root of the sum of squares": (
            lambda d, eps: by(d.abs().sum(dim=(1, 2, 3), keepdim=True))(d, eps)
        ),
        "the length is the root of the mean square: take the sum of the squares": (
            lambda d, eps: by(length(d) / d[0].numel() ** 0.5)(d, eps)
        ),
    },
    of=in_l2,
)

mistakes(
    "attacks.project",
    {
        "norm is {norm!r}, but it projects as for 'linf'": lambda z, x, eps, norm: project(z, x, eps, "linf"),
        "norm is {norm!r}, but it projects as for 'l2'": lambda z, x, eps, norm: project(z, x, eps, "l2"),
        'the two norms are exchanged: "linf" clamps each entry, "l2" shortens the whole': (
            lambda z, x, eps, norm: project(z, x, eps, "l2" if norm == "linf" else "linf")
        ),
        "pixels leave [0, 1]: cut them with `clamp` at the end": (
            lambda z, x, eps, norm: x + shortened(z - x, eps, norm)
        ),
        "the difference is returned without the picture: add `x`": lambda z, x, eps, norm: shortened(z - x, eps, norm),
        "it clamps the picture itself to ±eps: clamp its difference from `x`": (
            lambda z, x, eps, norm: z.clamp(-eps, eps) if norm == "linf" else project(z, x, eps, norm)
        ),
        "it only clamps to [0, 1] and leaves the ball": lambda z, x, eps, norm: z.clamp(0, 1),
        "it clamps to [0, 1] before it shrinks: shrink first": (
            lambda z, x, eps, norm: x + shortened(z.clamp(0, 1) - x, eps, norm)
        ),
    },
)


# ── pgd ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("attacks.pgd", instead_of=(attacks.pgd, attacks.bim, attacks.fgsm))
def pgd(model: nn.Module, x: Tensor, y: Tensor, start: Tensor, eps: float, alpha: float, steps: int) -> Tensor:
    """``steps`` steps of size ``alpha`` uphill from ``start``, each brought back to within eps of x and to [0, 1]."""
    z = start
    for _ in range(steps):
        z = project(z + alpha * slope(model, z, y).sign(), x, eps, "linf")
    return z


def with_move(move: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer whose loop is right, and each step of which is ``move``."""

    def answer(model, x, y, start, eps, alpha, steps):
        z = start
        for _ in range(steps):
            z = move(z, slope(model, z, y), x, start, eps, alpha)
        return z

    return answer


def near(z: Tensor, x: Tensor, eps: float) -> Tensor:
    """The projection."""
    return project(z, x, eps, "linf")


mistakes(
    "attacks.pgd",
    {
        "it goes downhill: add the step": lambda z, g, x, start, eps, alpha: near(z - alpha * g.sign(), x, eps),
        "it leaves the ball: project onto `x` ± eps after each step": (
            lambda z, g, x, start, eps, alpha: (z + alpha * g.sign()).clamp(0, 1)
        ),
        "it leaves the ball and [0, 1]: project onto `x` ± eps after each step": (
            lambda z, g, x, start, eps, alpha: z + alpha * g.sign()
        ),
        "pixels leave [0, 1]: the projection clamps them too": (
            lambda z, g, x, start, eps, alpha: x + (z + alpha * g.sign() - x).clamp(-eps, eps)
        ),
        "the ball is about `start`: it must be about `x`": (
            lambda z, g, x, start, eps, alpha: near(z + alpha * g.sign(), start, eps)
        ),
        "the ball moves along with the point: it must stay about `x`": (
            lambda z, g, x, start, eps, alpha: near(z + alpha * g.sign(), z, eps)
        ),
        "it takes steps of the gradient itself: take its sign": (
            lambda z, g, x, start, eps, alpha: near(z + alpha * g, x, eps),
            lambda z, g, x, start, eps, alpha: near(z + alpha * g / len(z), x, eps),
        ),
        "each step has size eps: its size is alpha": (
            lambda z, g, x, start, eps, alpha: near(z + eps * g.sign(), x, eps)
        ),
        "each step starts anew from `start`: go on from the last point": (
            lambda z, g, x, start, eps, alpha: near(start + alpha * g.sign(), x, eps)
        ),
        "each step starts anew from `x`: go on from the last point": (
            lambda z, g, x, start, eps, alpha: near(x + alpha * g.sign(), x, eps)
        ),
        "it projects before the step and not after it: project after every step": (
            lambda z, g, x, start, eps, alpha: (near(z, x, eps) + alpha * g.sign()).clamp(0, 1)
        ),
    },
    of=with_move,
)

mistakes(
    "attacks.pgd",
    {
        "it begins at `x`: begin at `start`": (
            lambda model, x, y, start, eps, alpha, steps: pgd(model, x, y, x, eps, alpha, steps)
        ),
        "it takes a single step": lambda model, x, y, start, eps, alpha, steps: pgd(model, x, y, start, eps, alpha, 1),
        "it takes one step too few": (
            lambda model, x, y, start, eps, alpha, steps: pgd(model, x, y, start, eps, alpha, steps - 1)
        ),
        "it takes one step too many": (
            lambda model, x, y, start, eps, alpha, steps: pgd(model, x, y, start, eps, alpha, steps + 1)
        ),
    },
)


def along(directions: Callable[..., Any]) -> Callable[..., Tensor]:
    """An answer that takes each step along another direction than the gradient at the point where it is."""

    def answer(model, x, y, start, eps, alpha, steps):
        z, memory = start, torch.zeros_like(start)
        for i in range(steps):
            memory = directions(i, memory, slope(model, z, y), slope(model, x, y))
            z = near(z + alpha * memory.sign(), x, eps)
        return z

    return answer


mistakes(
    "attacks.pgd",
    {
        "the gradient is computed once: compute it anew at every point": (
            lambda i, memory, g, at_x: memory if i else g
        ),
        "the gradient is taken at `x` each time: take it at the point where you are": lambda i, memory, g, at_x: at_x,
        "gradients add up from step to step: start from zero at each, as `torch.autograd.grad` does": (
            lambda i, memory, g, at_x: memory + g
        ),
    },
    of=along,
)


@mistake("attacks.pgd", "it projects only once, at the end: project after every step")
def projects_at_the_end(model, x, y, start, eps, alpha, steps):
    z = start
    for _ in range(steps):
        z = z + alpha * slope(model, z, y).sign()
    return near(z, x, eps)


# ── success_rate ──────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("attacks.success_rate", instead_of=(attacks.success_rate,))
def success_rate(before: Tensor, after: Tensor, y: Tensor) -> Tensor:
    """The share of wrong answers after the attack, among the pictures answered rightly before: (B, K), (B, K), (B,)."""
    return (after.argmax(1) != y)[before.argmax(1) == y].double().mean()


def counted(share: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of who was right before, who is wrong after, and whose answer has changed."""

    def answer(before, after, y):
        first, last = before.argmax(1), after.argmax(1)
        return share(first == y, last != y, first != last).double()

    return answer


mistakes(
    "attacks.success_rate",
    {
        "it counts pictures that were wrong before the attack: look only at those that were right": (
            lambda right, wrong, changed: wrong.double().mean()
        ),
        "it divides by all pictures: divide by those that were right before": (
            lambda right, wrong, changed: (right & wrong).double().mean()
        ),
        "it divides by the pictures that are wrong afterwards: divide by those that were right before": (
            lambda right, wrong, changed: (right & wrong).sum() / wrong.sum()
        ),
        "it counts changed answers: a wrong answer that changes is no success": (
            lambda right, wrong, changed: changed.double().mean()
        ),
        "it divides changed answers by those that were right before: a wrong answer that changes is no success": (
            lambda right, wrong, changed: changed.sum() / right.sum()
        ),
        "it divides all wrong answers by those that were right before: count only pictures that were right": (
            lambda right, wrong, changed: wrong.sum() / right.sum()
        ),
        "it is the share that withstood the attack": lambda right, wrong, changed: (~wrong)[right].double().mean(),
        "it is the fall of the accuracy: divide by the pictures right before, and count none that became right": (
            lambda right, wrong, changed: right.double().mean() - (~wrong).double().mean()
        ),
        "it is the fall of the accuracy, divided by the accuracy before: count none that became right": (
            lambda right, wrong, changed: 1 - (~wrong).sum() / right.sum()
        ),
        "`//` divides whole numbers and cuts the decimals off: use `/`": (
            lambda right, wrong, changed: (right & wrong).sum() // right.sum()
        ),
        "it is a number of pictures: divide it": lambda right, wrong, changed: (right & wrong).sum(),
        "it is in per cent: give a share from 0 to 1": lambda right, wrong, changed: 100 * wrong[right].double().mean(),
    },
    of=counted,
)


# ── adversarial_step ──────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "attacks.adversarial_step",
    instead_of=(attacks.adversarial_training, attacks.fast_adversarial_training, attacks.free_adversarial_training),
    otherwise={"the weights of `model`": "the loss is right, but the model after the step isn't"},
)
def adversarial_step(model, optimizer, attack, x, y) -> Tensor:
    """One update on the attacked batch; the loss on it, from before the update."""
    z = attack(model, x, y)
    return update(model, optimizer, F.cross_entropy(model(z), y))


def update(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> Tensor:
    """One step downhill; the loss."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def on_attacked(act: Callable[..., Any]) -> Callable[..., Tensor]:
    """An answer that attacks, computes both losses, lets ``act`` do something with them, and returns the right one."""

    def answer(model, optimizer, attack, x, y):
        z = attack(model, x, y)
        loss, clean = (F.cross_entropy(model(v), y) for v in (z, x))
        return next((r for r in (act(model, optimizer, loss, clean, len(x)),) if r is not None), loss).detach()

    return answer


def stepped(optimizer: torch.optim.Optimizer, loss: Tensor, *, clear: str = "never") -> None:
    """Backward and a step; gradients are cleared ``"never"`` or ``"late"``, between the two."""
    loss.backward()
    if clear == "late":
        optimizer.zero_grad(set_to_none=False)
    optimizer.step()


mistakes(
    "attacks.adversarial_step",
    {
        "the weights don't change: is `optimizer.step()` missing, or are the gradients cleared after `backward`?": (
            lambda model, optimizer, loss, clean, n: None,
            lambda model, optimizer, loss, clean, n: stepped(optimizer, loss, clear="late"),
        ),
        "the model learns from the clean pictures: give it the attacked ones": (
            lambda model, optimizer, loss, clean, n: update(model, optimizer, clean)
        ),
        "gradients from before are used: call `optimizer.zero_grad()` before `backward`": (
            lambda model, optimizer, loss, clean, n: stepped(optimizer, loss)
        ),
        "the step follows old gradients: call `backward` on the loss, after `optimizer.zero_grad()`": (
            lambda model, optimizer, loss, clean, n: optimizer.step()
        ),
        "it learns from clean and attacked pictures together: here from the attacked ones alone": (
            lambda model, optimizer, loss, clean, n: update(model, optimizer, loss + clean),
            lambda model, optimizer, loss, clean, n: update(model, optimizer, (loss + clean) / 2),
        ),
        "the losses of the batch are summed: take their mean, as cross_entropy does": (
            lambda model, optimizer, loss, clean, n: update(model, optimizer, n * loss)
        ),
        "it climbs: the weights must make the loss smaller": (
            lambda model, optimizer, loss, clean, n: -update(model, optimizer, -loss)
        ),
    },
    of=on_attacked,
)


@mistake(
    "attacks.adversarial_step",
    "the attack leaves gradients on the weights, and the step uses them: "
    "call `optimizer.zero_grad()` after the attack, before `backward`",
)
def clears_before_the_attack(model, optimizer, attack, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(attack(model, x, y)), y)
    stepped(optimizer, loss)
    return loss.detach()


@mistake("attacks.adversarial_step", "it learns the model's own answers as labels: the true ones are `y`")
def learns_its_own_answers(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    return update(model, optimizer, F.cross_entropy(model(z), model(x).argmax(1)))


@mistake("attacks.adversarial_step", "it learns the model's own answers as labels: the true ones are `y`")
def learns_its_answers_to_the_attacked(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    return update(model, optimizer, F.cross_entropy(model(z), model(z).argmax(1)))


@mistake("attacks.adversarial_step", "the loss that is returned is that of the clean pictures")
def returns_the_clean_loss(model, optimizer, attack, x, y):
    clean = F.cross_entropy(model(x), y).detach()
    adversarial_step(model, optimizer, attack, x, y)
    return clean


@mistake("attacks.adversarial_step", "the loss that is returned is that after the update: return the one before it")
def returns_the_loss_after_the_update(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    update(model, optimizer, F.cross_entropy(model(z), y))
    return F.cross_entropy(model(z), y).detach()
