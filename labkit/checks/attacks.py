"""Topic ``attacks``: what the answers of exercise 04 must satisfy.

Pictures are in [0, 1], budgets in pixel units, and every model of these checks is in evaluation mode. The models are
small and smooth and their numbers come from the seed, so that two right answers differ by rounding only.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from labkit import attacks
from labkit.checks.protocol import Case, Check, Outputs, Wrong, agree, close, generator, tensor


def victim(g: Generator, *, channels: int = 1, side: int = 4, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """A small smooth classifier of three classes with batch normalisation inside, its numbers drawn from ``g``."""
    n = channels * side * side
    model = nn.Sequential(nn.Flatten(), nn.Linear(n, 12), nn.BatchNorm1d(12), nn.Tanh(), nn.Linear(12, 3)).to(dtype)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=g, dtype=dtype) / max(1, p.shape[-1]) ** 0.5 + (p.ndim == 1))
    return model.eval()


def pictures(g: Generator, n: int, *, channels: int = 1, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """``n`` pictures well inside of [0, 1] and their classes."""
    x = 0.35 + 0.3 * torch.rand(n, channels, 4, 4, generator=g, dtype=dtype)
    return {"x": x, "y": torch.randint(3, (n,), generator=g)}


def at_the_border(case: Case, g: Generator) -> Case:
    """The case with every pixel black or white."""
    return {**case, "x": (torch.rand(case["x"].shape, generator=g) < 0.5).to(case["x"].dtype)}


def gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The input gradient of the summed cross-entropy, as the verdicts compute it."""
    return attacks.input_gradient(model, x, y)


# ── input_gradient ────────────────────────────────────────────────────────────────────────────────────────────────────


def input_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Each sample's gradient of its own cross-entropy: (B, C, H, W), (B,) → (B, C, H, W)."""
    return attacks.input_gradient(model, x, y)


class InputGradient(Check):
    """The gradient of the loss with respect to the picture."""

    key = "attacks.input_gradient"
    points = 2
    reference = staticmethod(input_gradient)
    forbidden = (attacks.input_gradient,)

    def inputs(self, seed: int) -> list[Case]:
        """One picture; a batch, whose gradients must not be divided by its size; weights that have gradients."""
        g = generator(seed)
        cases: list[Case] = [
            {"case": "one picture", "model": victim(g), **pictures(g, 1)},
            {"case": "a batch of five", "model": victim(g), **pictures(g, 5)},
            {"case": "weights that already have gradients", "model": victim(g), **pictures(g, 2)},
            {
                "case": "float64, three channels",
                "model": victim(g, channels=3, dtype=torch.float64),
                **pictures(g, 3, channels=3, dtype=torch.float64),
            },
        ]
        for p in cases[2]["model"].parameters():
            p.grad = torch.full_like(p, 0.5)
        return cases

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; look at what it leaves on the weights and on the picture."""
        model, x = case["model"], case["x"]
        g = tensor(answer(model, x, case["y"]), name="input_gradient")
        return {"g": g, "left": left_on(model), "tracked": torch.tensor(x.requires_grad)}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's; nothing may be left behind."""
        model, x, y = case["model"], case["x"], case["y"]
        g = gradient(model, x, y)
        likely = model(x).argmax(1)
        close(
            outputs["g"],
            g,
            what="the gradient",
            atol=1e-7,
            mistaken=[
                (
                    "the gradients are divided by the size of the batch: sum the losses instead of taking their mean, "
                    "and each picture gets its own gradient",
                    g / len(x),
                ),
                ("the sign is wrong: it points downhill, to a smaller loss", -g),
                ("only its sign is left: return the gradient itself", g.sign()),
                ("it is the gradient for the class the model predicts: use the labels `y`", gradient(model, x, likely)),
                (
                    "it is the gradient of the score of class y: take that of the loss, the cross-entropy",
                    attacks.input_gradient(model, x, y, loss=score),
                ),
                ("it is the gradient of the margin, not of the cross-entropy", margin_gradient(model, x, y)),
            ],
        )
        if not agree(outputs["left"], left_on(model)):
            raise Wrong(
                "it leaves gradients on the model's weights, and the next training step would use them: "
                "`torch.autograd.grad(loss, z)` computes only the one you ask for"
            )
        if bool(outputs["tracked"]):
            raise Wrong(
                "it switches `requires_grad` on for the caller's `x`: work on `z = x.detach().requires_grad_()`"
            )


def left_on(model: nn.Module) -> Tensor:
    """The gradients that lie on the weights, flat; zero where there are none."""
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in model.parameters()])


def score(logits: Tensor, y: Tensor) -> Tensor:
    """The logit of class y."""
    return logits.gather(1, y[:, None])[:, 0]


def margin_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """What the gradient of the margin would be."""
    return attacks.input_gradient(model, x, y, loss=attacks.margin)


# ── fgsm ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def fgsm(model: nn.Module, x: Tensor, y: Tensor, eps: float, targeted: bool = False) -> Tensor:
    """The fast gradient sign method: away from class y, or towards it where it is the target."""
    return attacks.fgsm(model, x, y, eps=eps, targeted=targeted)


class Fgsm(Check):
    """One step of size ε along the sign of the gradient."""

    key = "attacks.fgsm"
    points = 2
    reference = staticmethod(fgsm)
    forbidden = (attacks.fgsm, attacks.pgd, attacks.bim)

    def inputs(self, seed: int) -> list[Case]:
        """One picture; towards a target; black and white pixels; a batch in float64."""
        g = generator(seed)
        doubles = pictures(g, 4, dtype=torch.float64)
        return [
            {"case": "one picture", "model": victim(g), **pictures(g, 1), "eps": 0.1, "targeted": False},
            {"case": "towards a target", "model": victim(g), **pictures(g, 2), "eps": 0.1, "targeted": True},
            at_the_border(
                {
                    "case": "pixels at the border",
                    "model": victim(g),
                    **pictures(g, 3),
                    "eps": 8 / 255,
                    "targeted": False,
                },
                g,
            ),
            {
                "case": "float64",
                "model": victim(g, dtype=torch.float64),
                **doubles,
                "eps": 0.25,
                "targeted": False,
            },
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        result = answer(case["model"], case["x"], case["y"], case["eps"], targeted=case["targeted"])
        return {"z": tensor(result, name="fgsm")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        model, x, y, eps, targeted = (case[k] for k in ("model", "x", "y", "eps", "targeted"))
        up = -1 if targeted else 1
        g = gradient(model, x, y)
        unit = g / g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        guess = gradient(model, x, model(x).argmax(1)).sign()
        back = "it moves towards the class" if not targeted else "it moves away from the target"
        close(
            outputs["z"],
            fgsm(model, x, y, eps, targeted),
            what="the attacked picture",
            atol=1e-6,
            mistaken=[
                (f"{back}: go uphill in the loss, and downhill only with `targeted`", shift(x, -up * eps * g.sign())),
                ("pixels leave [0, 1]: cut them with `clamp`", x + up * eps * g.sign()),
                ("it adds the gradient itself: every pixel moves by ε, so take its sign", shift(x, up * eps * g)),
                ("it adds the gradient itself and leaves [0, 1]: take its sign, then clamp", x + up * eps * g),
                ("the gradient is scaled to length 1: that is the step of the l2 norm; here take its sign",
                 shift(x, up * eps * unit)),
                ("eps is already in pixel units, from 0 to 1: don't divide it by 255",
                 shift(x, up * eps / 255 * g.sign())),
                ("it returns the perturbation alone: add it to the picture", up * eps * g.sign()),
                ("it uses the model's own answer as the label: use `y`", shift(x, up * eps * guess)),
                ("all pixels move in the same direction", shift(x, up * eps * torch.ones_like(x))),
            ],
        )  # fmt: skip


def shift(x: Tensor, change: Tensor) -> Tensor:
    """``x + change`` as a picture."""
    return (x + change).clamp(0, 1)


# ── project ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def project(z: Tensor, x: Tensor, eps: float, norm: str) -> Tensor:
    """The nearest picture to z within eps of x: each pixel (``"linf"``), or the whole difference (``"l2"``)."""
    return attacks.project(z, x, eps=eps, norm=norm)


class Project(Check):
    """Back into the ball."""

    key = "attacks.project"
    points = 2
    reference = staticmethod(project)
    forbidden = (attacks.project, attacks.ball, attacks.Linf.project, attacks.L2.project)

    def inputs(self, seed: int) -> list[Case]:
        """Each norm outside, then inside and outside at once, at the border, in float64."""
        g = generator(seed)

        def case(name: str, norm: str, eps: float, spread: list[float], dtype: torch.dtype = torch.float32) -> Case:
            x = pictures(g, len(spread), channels=2, dtype=dtype)["x"]
            far = torch.tensor(spread, dtype=dtype).view(-1, 1, 1, 1)
            return {
                "case": name,
                "z": x + far * torch.randn(x.shape, generator=g, dtype=dtype),
                "x": x,
                "eps": eps,
                "norm": norm,
            }

        # 32 pixels: a spread s gives a length of about 5.7 s.
        cases = [
            case("linf, one picture", "linf", 0.1, [0.2]),
            case("l2, one picture outside", "l2", 0.3, [0.2]),
            case("l2, one inside and two outside", "l2", 0.3, [0.01, 0.1, 0.3]),
            case("linf, black and white pixels", "linf", 0.2, [0.3, 0.3]),
            case("l2, black and white pixels", "l2", 1.0, [0.3, 0.05]),
            case("l2, float64", "l2", 0.25, [0.2, 0.02], torch.float64),
        ]
        for i in (3, 4):
            cases[i] = at_the_border(cases[i], g)
            cases[i]["z"] = cases[i]["x"] + (0.3 if i == 3 else 0.15) * torch.randn(cases[i]["x"].shape, generator=g)
        return cases

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"z": tensor(answer(case["z"], case["x"], case["eps"], case["norm"]), name="project")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        z, x, eps, norm = case["z"], case["x"], case["eps"], case["norm"]
        d = z - x
        length = d.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        within = x + d * (eps / length).clamp(max=1) if norm == "l2" else x + d.clamp(-eps, eps)
        in_pixels = z.clamp(0, 1) - x
        other = "l2" if norm == "linf" else "linf"
        mistaken = [
            ("pixels leave [0, 1]: cut them with `clamp` at the end", within),
            ("the difference is returned without the picture: add `x`", within - x),
            (f"norm is {norm!r}, but it projects as for {other!r}", project(z, x, eps, other)),
            ("it clamps the picture itself to ±eps: clamp its difference from `x`", z.clamp(-eps, eps)),
            ("it only clamps to [0, 1] and leaves the ball", z.clamp(0, 1)),
        ]
        if norm == "l2":
            every = (d * eps / d.norm().clamp(min=eps)).clamp(-1, 1)
            pixel = d * (eps / d.norm(dim=1, keepdim=True)).clamp(max=1)
            mistaken += [
                ("what lies inside the ball is pushed out to its surface: shrink only what is longer than eps",
                 shift(x, d * eps / length)),
                ("the length is taken over the whole batch: each picture has its own", shift(x, every)),
                ("the length is taken of each pixel's colours: take it of the whole picture", shift(x, pixel)),
                ("it clamps to [0, 1] before it shrinks: shrink first",
                 x + in_pixels * (eps / in_pixels.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).clamp(max=1)),
            ]  # fmt: skip
        close(outputs["z"], project(z, x, eps, norm), what="the projected picture", atol=1e-6, mistaken=mistaken)


# ── pgd ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pgd(model: nn.Module, x: Tensor, y: Tensor, start: Tensor, eps: float, alpha: float, steps: int) -> Tensor:
    """``steps`` steps of size ``alpha`` uphill from ``start``, each brought back to within eps of x and to [0, 1]."""
    inside = attacks.ball(x, eps=eps)
    z = start
    for _ in range(steps):
        z = inside.project(z + alpha * inside.direction(gradient(model, z, y)))
    return z


def climb(model: nn.Module, y: Tensor, start: Tensor, steps: int, move: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The loop with another move, which gets the point and its gradient."""
    z = start
    for _ in range(steps):
        z = move(z, gradient(model, z, y))
    return z


class Pgd(Check):
    """The loop of projected gradient descent, l∞."""

    key = "attacks.pgd"
    points = 3
    reference = staticmethod(pgd)
    forbidden = (attacks.pgd, attacks.bim, attacks.fgsm)

    def inputs(self, seed: int) -> list[Case]:
        """One step from x; several with little room; from another start; at the border."""
        g = generator(seed)
        double = torch.float64

        def case(name: str, n: int, *, apart: float, eps: float, alpha: float, steps: int) -> Case:
            shown = pictures(g, n, dtype=double)
            noise = 2 * torch.rand(shown["x"].shape, generator=g, dtype=double) - 1
            return {
                "case": name,
                "model": victim(g, dtype=double),
                **shown,
                "start": shown["x"] + apart * noise,
                "eps": eps,
                "alpha": alpha,
                "steps": steps,
            }

        edge = at_the_border(case("pixels at the border", 3, apart=0, eps=0.3, alpha=0.1, steps=6), g)
        return [
            case("one step from x", 1, apart=0.0, eps=0.3, alpha=0.02, steps=1),
            case("seven steps where five reach the border", 2, apart=0.0, eps=0.1, alpha=0.02, steps=7),
            case("from a random start", 3, apart=0.1, eps=0.1, alpha=0.02, steps=6),
            {**edge, "start": edge["x"].clone()},
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        names = ("model", "x", "y", "start", "eps", "alpha", "steps")
        return {"z": tensor(answer(*(case[name] for name in names)), name="pgd")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        model, x, y, start = (case[k] for k in ("model", "x", "y", "start"))
        eps, alpha, steps = case["eps"], case["alpha"], case["steps"]

        def bounded(z: Tensor, centre: Tensor = x) -> Tensor:
            return shift(centre, (z - centre).clamp(-eps, eps))

        def climbing(move: Callable[[Tensor, Tensor], Tensor], n: int = steps, start: Tensor = start) -> Tensor:
            return climb(model, y, start, n, lambda z, g: move(z, alpha * g.sign()))

        def right(z: Tensor, step: Tensor) -> Tensor:
            return bounded(z + step)

        close(
            outputs["z"],
            pgd(model, x, y, start, eps, alpha, steps),
            what="the attacked picture",
            atol=1e-6,
            mistaken=[
                ("it goes downhill: add the step", climbing(lambda z, step: bounded(z - step))),
                ("it leaves the ball: project onto `x` ± eps after each step", climbing(shift)),
                ("pixels leave [0, 1]: the projection clamps them too",
                 climbing(lambda z, step: x + (z + step - x).clamp(-eps, eps))),
                ("the ball is about `start`: it must be about `x`",
                 climbing(lambda z, step: bounded(z + step, start))),
                ("it takes steps of the gradient itself: take its sign",
                 climb(model, y, start, steps, lambda z, g: bounded(z + alpha * g))),
                ("it begins at `x`: begin at `start`", climbing(right, start=x)),
                ("each step has size eps: its size is alpha",
                 climb(model, y, start, steps, lambda z, g: bounded(z + eps * g.sign()))),
                ("the gradient is computed once: compute it anew at every point",
                 repeated(gradient(model, start, y).sign(), start, steps, alpha, bounded)),
                ("it takes a single step", climbing(right, n=1)),
                ("it takes one step too few", climbing(right, n=steps - 1)),
                ("it takes one step too many", climbing(right, n=steps + 1)),
                ("gradients add up from step to step: start from zero at each, as `torch.autograd.grad` does",
                 summed(model, y, start, steps, alpha, bounded)),
                ("it projects only once, at the end: project after every step",
                 bounded(climbing(lambda z, step: z + step))),
            ],
        )  # fmt: skip


def repeated(first: Tensor, start: Tensor, steps: int, alpha: float, bounded: Callable[[Tensor], Tensor]) -> Tensor:
    """Every step along the first gradient."""
    z = start
    for _ in range(steps):
        z = bounded(z + alpha * first)
    return z


def summed(
    model: nn.Module, y: Tensor, start: Tensor, steps: int, alpha: float, bounded: Callable[[Tensor], Tensor]
) -> Tensor:
    """Every step along the sum of the gradients so far, as ``z.grad`` holds it if nobody clears it."""
    z, total = start, torch.zeros_like(start)
    for _ in range(steps):
        total = total + gradient(model, z, y)
        z = bounded(z + alpha * total.sign())
    return z


# ── success_rate ──────────────────────────────────────────────────────────────────────────────────────────────────────


def success_rate(before: Tensor, after: Tensor, y: Tensor) -> Tensor:
    """The share of wrong answers after the attack, among the pictures answered rightly before: (B, K), (B, K), (B,)."""
    right = before.argmax(1) == y
    return (after.argmax(1) != y)[right].double().mean()


class SuccessRate(Check):
    """How often an attack succeeds, counted fairly."""

    key = "attacks.success_rate"
    points = 2
    reference = staticmethod(success_rate)
    forbidden = (attacks.success_rate,)

    def inputs(self, seed: int) -> list[Case]:
        """Four pictures; a batch with everything in it; an attack that never succeeds."""
        g = generator(seed)

        def case(name: str, before: list[int], after: list[int], y: list[int]) -> Case:
            def logits(answers: list[int]) -> Tensor:
                return 3 * functional.one_hot(torch.tensor(answers), 4) + torch.rand(len(answers), 4, generator=g)

            return {"case": name, "before": logits(before), "after": logits(after), "y": torch.tensor(y)}

        y = torch.randint(4, (60,), generator=g)
        other = (y + torch.randint(1, 4, (60,), generator=g)) % 4
        third = (other + 1) % 4
        third = torch.where(third == y, (third + 1) % 4, third)
        kinds = torch.arange(60) % 5
        # 0, 1: right and fooled; 2: right and right; 3: wrong, then otherwise wrong; 4: wrong, then right.
        before = torch.where(kinds < 3, y, other)
        after = torch.stack([other, other, y, third, y])[kinds, torch.arange(60)]
        return [
            case(
                "seven pictures, three wrong before",
                [0, 1, 2, 3, 0, 0, 1],
                [1, 1, 2, 3, 0, 0, 2],
                [0, 1, 2, 3, 1, 2, 3],
            ),
            case("sixty pictures of every kind", before.tolist(), after.tolist(), y.tolist()),
            case("nobody is fooled", [0, 1, 1], [0, 1, 1], [0, 1, 2]),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        rate = tensor(answer(case["before"], case["after"], case["y"]), name="success_rate")
        return {"rate": rate.double()}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        before, after, y = case["before"].argmax(1), case["after"].argmax(1), case["y"]
        right, wrong = before == y, after != y
        close(
            outputs["rate"],
            success_rate(case["before"], case["after"], y),
            what="the rate",
            mistaken=[
                ("it counts pictures that were wrong before the attack: look only at those that were right",
                 wrong.double().mean()),
                ("it divides by all pictures: divide by those that were right before",
                 (right & wrong).double().mean()),
                ("it counts changed answers: a wrong answer that changes is no success",
                 (before != after).double().mean()),
                ("it is the share that withstood the attack", 1 - success_rate(case["before"], case["after"], y)),
                ("it is a number of pictures: divide it", (right & wrong).sum().double()),
                ("it is in per cent: give a share from 0 to 1", 100 * success_rate(case["before"], case["after"], y)),
            ],
        )  # fmt: skip


# ── adversarial_step ──────────────────────────────────────────────────────────────────────────────────────────────────


def adversarial_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    attack: Callable[[nn.Module, Tensor, Tensor], Tensor],
    x: Tensor,
    y: Tensor,
) -> Tensor:
    """One update on the attacked batch; the loss on it, from before the update."""
    return attacks.adversarial_training(model, optimizer, attack)((x, y))["loss"]


RATE = 0.5


class AdversarialStep(Check):
    """One step of adversarial training."""

    key = "attacks.adversarial_step"
    points = 3
    reference = staticmethod(adversarial_step)
    forbidden = (attacks.adversarial_training, attacks.fast_adversarial_training, attacks.free_adversarial_training)

    def inputs(self, seed: int) -> list[Case]:
        """A batch; then weights that already have gradients; then a batch in float64."""
        g = generator(seed)

        def case(name: str, n: int, dtype: torch.dtype = torch.float32) -> Case:
            model = victim(g, dtype=dtype)
            model[2] = nn.Identity()  # the same in training and in evaluation mode
            return {"case": name, "model": model, **pictures(g, n, dtype=dtype)}

        cases = [
            case("a batch of four", 4),
            case("weights that already have gradients", 3),
            case("float64", 6, torch.float64),
        ]
        for p in cases[1]["model"].parameters():
            p.grad = torch.ones_like(p)
        return cases

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer with plain gradient descent and a careless attack, which leaves gradients behind."""
        model = case["model"]
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        loss = answer(model, optimizer, careless, case["x"], case["y"])
        weights = torch.cat([p.detach().flatten() for p in model.parameters()])
        return {"loss": tensor(loss, name="adversarial_step"), "weights": weights}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare the weights after the step with labkit's, and with what each common mistake gives."""
        model, x, y = case["model"], case["x"], case["y"]
        old = torch.cat([p.detach().flatten() for p in model.parameters()])
        given = left_on(model)
        z = careless(model, x, y)
        left = left_on(model) - given
        attacked, clean = loss_and_gradient(model, z, y), loss_and_gradient(model, x, y)

        def after(*gradients: Tensor) -> Tensor:
            return old - RATE * sum(gradients, torch.zeros_like(old))

        close(
            outputs["weights"],
            after(attacked[1]),
            what="the model after the step",
            mistaken=[
                ("the weights don't change: is `optimizer.step()` missing?", old),
                ("the model learns from the clean pictures: give it the attacked ones", after(clean[1])),
                ("the attack leaves gradients on the weights, and the step uses them: "
                 "call `optimizer.zero_grad()` after the attack, before `backward`", after(attacked[1], left)),
                ("gradients from before are used: call `optimizer.zero_grad()` before `backward`",
                 after(attacked[1], left, given)),
                ("the step follows the attack's gradients: call `backward` on the loss first", after(left)),
                ("the step follows old gradients: call `backward` on the loss first", after(left, given)),
                ("it learns from clean and attacked pictures together: here from the attacked ones alone",
                 after(attacked[1], clean[1])),
                ("it learns from clean and attacked pictures together: here from the attacked ones alone",
                 after((attacked[1] + clean[1]) / 2)),
                ("the losses of the batch are summed: take their mean, as cross_entropy does",
                 after(len(x) * attacked[1])),
                ("it climbs: the weights must make the loss smaller", after(-attacked[1])),
            ],
        )  # fmt: skip
        loss = outputs["loss"].reshape(()) if outputs["loss"].numel() == 1 else outputs["loss"]
        close(
            loss,
            attacked[0],
            what="the loss that is returned",
            dtype=False,
            mistaken=[("the loss that is returned is that of the clean pictures", clean[0])],
        )


def careless(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """FGSM with ε = 0.2 that leaves the gradients of its own loss on the weights, as many published attacks do."""
    z = x.detach().clone().requires_grad_(True)
    functional.cross_entropy(model(z), y, reduction="sum").backward()
    assert z.grad is not None
    return shift(x, 0.2 * z.grad.sign()).detach()


def loss_and_gradient(model: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The mean loss and its gradient with respect to the weights, flat."""
    loss = functional.cross_entropy(model(x), y)
    parts = torch.autograd.grad(loss, list(model.parameters()))
    return loss.detach(), torch.cat([p.flatten() for p in parts])


CHECKS = (InputGradient(), Fgsm(), Project(), Pgd(), SuccessRate(), AdversarialStep())
