"""Topic ``gan``: what the answers of exercise 12 must satisfy."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit import gan
from labkit.checks.protocol import Case, Check, Outputs, Wrong, agree, close
from labkit.checks.tensors import generator, gradient, tensor
from labkit.gan import evaluate, losses

# ── discriminator_loss ────────────────────────────────────────────────────────────────────────────────────────────────


class DiscriminatorLoss(Check):
    """The discriminator's loss, from logits."""

    key = "gan.discriminator_loss"
    points = 2
    reference = staticmethod(gan.discriminator_loss)
    forbidden = (gan.discriminator_loss, losses.log_loss)

    def inputs(self, seed: int) -> list[Case]:
        """One of each at D = ½; a batch; unequal numbers; float64; logits so large that a probability rounds to 0."""
        g = generator(seed)

        def logits(n: int, scale: float = 2.0) -> Tensor:
            return scale * torch.randn(n, generator=g)

        huge = 200 + 50 * torch.rand(4, generator=g)
        return [
            {"case": "D says ½ to everything", "real": torch.zeros(1), "fake": torch.zeros(1)},
            {"case": "a batch", "real": logits(6) + 1, "fake": logits(6) - 1},
            {"case": "more fakes than real ones", "real": logits(3), "fake": logits(8)},
            {"case": "float64", "real": logits(4).double(), "fake": logits(4).double()},
            {"case": "D is sure, and wrong", "real": -huge, "fake": huge},
            {"case": "D is sure, and right", "real": huge, "fake": -huge},
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"loss": tensor(answer(case["real"], case["fake"]), name="discriminator_loss")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        s, t, loss = case["real"], case["fake"], outputs["loss"]
        if not torch.isfinite(loss).all():
            raise Wrong("it is not finite: log of a probability that rounds to 0. Is there a form without that log?",
                        expected=gan.discriminator_loss(s, t), given=loss)  # fmt: skip
        plus = functional.softplus
        right = plus(-s).mean() + plus(t).mean()
        mistaken = [
            ("the sign is turned round: this grows as D gets better", -right),
            ("real and fake are exchanged", plus(s).mean() + plus(-t).mean()),
            ("this is half of it: the two means are added up", right / 2),
            ("the terms are added up over the batch: take the mean of each", plus(-s).sum() + plus(t).sum()),
            ("a mean over all together: each kind has its own mean", torch.cat([plus(-s), plus(t)]).mean() * 2),
            ("only the real samples count here: the fakes are missing", plus(-s).mean()),
            ("only the fakes count here: the real samples are missing", plus(t).mean()),
            ("the fakes are to be called fake: log(1 − D), not log D", plus(-s).mean() + plus(-t).mean()),
            ("the real samples are to be called real: log D, not log(1 − D)", plus(s).mean() + plus(t).mean()),
        ]
        if loss.ndim == 0 and not agree(loss, right):
            clamped = self._clamped(s, t)
            if any(agree(loss, c, rtol=1e-2) for c in clamped):
                raise Wrong(
                    "probabilities are cut off or rounded before the logarithm: that changes the loss of a D that is "
                    "sure and wrong, and kills its gradient",
                    expected=right,
                    given=loss,
                )
        close(loss, right, what="the loss", mistaken=mistaken)

    @staticmethod
    def _clamped(s: Tensor, t: Tensor) -> list[Tensor]:
        """The loss with the usual small number inside the logarithm, and with binary cross-entropy's cut at −100."""
        p, q = s.sigmoid(), t.sigmoid()
        bce = functional.binary_cross_entropy
        found = [bce(p, torch.ones_like(p)) + bce(q, torch.zeros_like(q))]
        for tiny in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4):
            found.append(-(p + tiny).log().mean() - (1 - q + tiny).log().mean())
            found.append(-p.clamp(tiny, 1 - tiny).log().mean() - (1 - q.clamp(tiny, 1 - tiny)).log().mean())
        return found


# ── slopes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def slopes(d: Tensor) -> tuple[Tensor, Tensor]:
    """The slopes of log(1 − D) and of −log D in D's logit, where D says d."""
    return -d, d - 1


class Slopes(Check):
    """What the two losses of a generator teach it, where the discriminator says d."""

    key = "gan.slopes"
    points = 2
    reference = staticmethod(slopes)
    forbidden = ()

    def inputs(self, seed: int) -> list[Case]:
        """At ½; at one other place; many; float64; a discriminator that is sure."""
        g = generator(seed)
        some = 0.05 + 0.9 * torch.rand(7, generator=g)
        return [
            {"case": "D = ½", "d": torch.tensor([0.5])},
            {"case": "one place", "d": some[:1]},
            {"case": "many places", "d": some},
            {"case": "float64", "d": some.double()},
            {"case": "D is nearly sure of a fake", "d": 1e-3 * torch.rand(3, generator=g)},
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; both results."""
        given = answer(case["d"])
        if given is None or isinstance(given, Tensor) or len(given) != 2:
            what = "nothing" if given is None else "one tensor" if isinstance(given, Tensor) else f"{len(given)} values"
            raise Wrong(f"slopes returned {what}: `return saturating, non_saturating`, two tensors")
        return {n: tensor(v, name="slopes") for n, v in zip(("saturating", "non_saturating"), given)}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with the derivative by autograd, and with what each common mistake gives."""
        d = case["d"]
        s = torch.logit(d).requires_grad_()
        flat, steep = (
            torch.autograd.grad(v, s)[0] for v in (-functional.softplus(s).sum(), functional.softplus(-s).sum())
        )
        first, second = outputs["saturating"], outputs["non_saturating"]
        told_apart = bool((d != 0.5).all()) and first.shape == second.shape == d.shape
        if told_apart and agree(first, steep) and agree(second, flat):
            raise Wrong("the two are exchanged: the saturating one is flat where d is near 0", given=first)
        # Near 0 the slopes differ by little from those of the mistakes: relative errors decide.
        for what, given, right, other, twice in (
            ("the slope of log(1 − D)", first, flat, -1 / (1 - d), -d.sigmoid()),
            ("the slope of −log D", second, steep, -1 / d, d.sigmoid() - 1),
        ):
            close(given, right, what=what, atol=1e-6, mistaken=[
                (f"{what} has the wrong sign: G goes downhill, which is where the logit grows", -right),
                (f"{what} is taken in D, not in its logit s: multiply by dD/ds = D (1 − D)", other),
                (f"{what} is dD/ds alone, the slope of the sigmoid", d * (1 - d)),
                (f"{what} takes d for a logit: it is a probability already, what D says", twice),
                (f"{what} lacks the slope of the logarithm", -d * (1 - d)),
            ])  # fmt: skip


# ── players ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def players(G: nn.Module, D: nn.Module, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Both losses of one round: the discriminator's, which doesn't reach G, and the generator's non-saturating one."""
    fake = G(z)
    return losses.discriminator_loss(D(x), D(fake.detach())), losses.generator_loss(D(fake))


class Players(Check):
    """Who learns from which loss."""

    key = "gan.players"
    points = 3
    reference = staticmethod(players)
    forbidden = (
        gan.discriminator_loss,
        gan.generator_loss,
        losses.log_loss,
        losses.non_saturating,
        gan.gan_step,
    )

    def inputs(self, seed: int) -> list[Case]:
        """Points on a line; images; float64."""
        g = generator(seed)

        def case(name: str, z: int, x: int, n: int, dtype: torch.dtype = torch.float32) -> Case:
            def linear(a: int, b: int) -> nn.Linear:
                layer = nn.Linear(a, b).to(dtype)
                with torch.no_grad():
                    for p in layer.parameters():
                        p.copy_(torch.randn(p.shape, generator=g) / a**0.5)
                return layer

            G = nn.Sequential(linear(z, x), nn.Tanh())
            D = nn.Sequential(linear(x, 4), nn.Tanh(), linear(4, 1), nn.Flatten(0))
            noise, real = torch.randn(n, z, generator=g), torch.rand(n, x, generator=g)
            return {"case": name, "G": G, "D": D, "x": real.to(dtype), "z": noise.to(dtype)}

        return [
            case("points on a line", 1, 1, 3),
            case("pictures of 12 pixels", 5, 12, 8),
            case("float64", 3, 4, 5, torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; the losses, and the gradient of each for each network."""
        given = answer(case["G"], case["D"], case["x"], case["z"])
        if given is None or isinstance(given, Tensor) or len(given) != 2:
            what = "nothing" if given is None else "one tensor" if isinstance(given, Tensor) else f"{len(given)} values"
            raise Wrong(f"players returned {what}: `return d_loss, g_loss`, two tensors")
        outputs: Outputs = {}
        for name, loss in zip(("d_loss", "g_loss"), given):
            outputs[name] = tensor(loss, name="players")
            for who in ("G", "D"):
                outputs[f"{name} for {who}"] = gradient(loss, case[who])
        return outputs

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The losses, and who learns from them."""
        G, D, x, z = (case[k] for k in ("G", "D", "x", "z"))
        d_loss, g_loss = players(G, D, x, z)
        with torch.no_grad():
            s, t, plus = D(x), D(G(z)), functional.softplus
        close(outputs["d_loss"], d_loss.detach(), what="d_loss", mistaken=[
            ("d_loss has real and fake exchanged", plus(s).mean() + plus(-t).mean()),
            ("d_loss forgets the fakes", plus(-s).mean()),
            ("d_loss forgets the real samples", plus(t).mean()),
            ("d_loss has its sign turned round", -d_loss.detach()),
            ("the two losses are exchanged: d_loss comes first", g_loss.detach()),
        ])  # fmt: skip
        close(outputs["g_loss"], g_loss.detach(), what="g_loss", mistaken=[
            ("g_loss is the saturating one, log(1 − D): the exercise asks for the other", -plus(t).mean()),
            ("g_loss calls the fakes fake: with it G would help D", plus(t).mean()),
            ("g_loss has its sign turned round: G would make fakes that D sees through", -plus(-t).mean()),
            ("g_loss looks at the real samples; they are not G's", plus(-s).mean()),
        ])  # fmt: skip
        if bool(outputs["d_loss for G"].abs().sum() > 0):
            raise Wrong("d_loss has a gradient for G: while D learns, the fakes are data; cut them off from G")
        if not bool(outputs["g_loss for G"].abs().sum() > 0):
            raise Wrong("g_loss has no gradient for G: here the fakes must keep their graph, or G learns nothing")
        for name, loss, who in (("d_loss", d_loss, D), ("g_loss", g_loss, G)):
            label = "D" if who is D else "G"
            close(outputs[f"{name} for {label}"], gradient(loss, who), what=f"the gradient of {name} for {label}")


# ── class_term ────────────────────────────────────────────────────────────────────────────────────────────────────────


class ClassTerm(Check):
    """AC-GAN's class term."""

    key = "gan.class_term"
    points = 2
    reference = staticmethod(gan.class_loss)
    forbidden = (gan.class_loss,)

    def inputs(self, seed: int) -> list[Case]:
        """One of each; a batch; unequal numbers; float64."""
        g = generator(seed)

        def case(name: str, n: int, m: int, k: int, dtype: torch.dtype = torch.float32) -> Case:
            y, wanted = torch.randint(k, (n,), generator=g), torch.randint(k, (m,), generator=g)
            # Real samples are recognised, most fakes are not: the terms differ.
            real = torch.randn(n, k, generator=g, dtype=dtype) + 3 * functional.one_hot(y, k)
            fake = 2 * torch.randn(m, k, generator=g, dtype=dtype)
            return {"case": name, "real": real, "y": y, "fake": fake, "y_fake": wanted}

        return [
            case("one real sample, one fake", 1, 1, 3),
            case("a batch", 6, 6, 4),
            case("more fakes than real ones", 3, 8, 5),
            case("float64", 4, 4, 3, torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        given = answer(case["real"], case["y"], case["fake"], case["y_fake"])
        return {"term": tensor(given, name="class_term")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        real, y, fake, wanted = (case[k] for k in ("real", "y", "fake", "y_fake"))
        ce = functional.cross_entropy
        one, two = ce(real, y), ce(fake, wanted)
        mistaken = [
            ("the fakes are missing: they have the labels they were asked for", one),
            ("the real samples are missing", two),
            ("the sign is turned round: both players want the class to be recognised", -(one + two)),
            ("this is half of it: the two means are added up", (one + two) / 2),
            ("one minus the other: *both* are to be recognised, by D and by G", one - two),
            ("the terms are added up over the batch: take the mean of each", len(y) * one + len(wanted) * two),
            ("one mean over all samples: each kind has its own mean",
             (len(y) * one + len(wanted) * two) / (len(y) + len(wanted)) * 2),
            ("softmax twice: cross_entropy takes logits", ce(real.softmax(1), y) + ce(fake.softmax(1), wanted)),
        ]  # fmt: skip
        if len(y) == len(wanted):
            crossed = ("the labels are exchanged: fakes have y_fake", ce(real, wanted) + ce(fake, y))
            mistaken.append(crossed)
            mistaken.append(("the fakes have the labels y_fake, not those of the real batch", one + ce(fake, y)))
        close(outputs["term"], one + two, what="the class term", mistaken=mistaken)


# ── copy_score ────────────────────────────────────────────────────────────────────────────────────────────────────────


def copy_score(generated: Tensor, training: Tensor, held_out: Tensor) -> Tensor:
    """The z-score of "generated samples are further from the training data than held-out ones are"."""
    d, e = (evaluate.nearest_neighbours(v, training).distance for v in (generated, held_out))
    return evaluate.mann_whitney(d, e).to(generated.dtype)


class CopyScore(Check):
    """A copy detector: it must tell a memoriser from a generator."""

    key = "gan.copy_score"
    points = 3
    reference = staticmethod(copy_score)
    forbidden = (gan.data_copying_test, gan.mann_whitney, gan.nearest_neighbours)

    def inputs(self, seed: int) -> list[Case]:
        """Few points on a line; a memoriser of pictures; a generator that is fair; one that is far off; float64."""
        g = generator(seed)

        def case(
            name: str, n: int, m: int, how: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
        ) -> Case:
            # Three kinds of sample around centres of their own.
            centres = 3 * torch.randn(3, *shape, generator=g, dtype=dtype)

            def real(count: int) -> Tensor:
                index = torch.randint(3, (count,), generator=g)
                return centres[index] + torch.randn(count, *shape, generator=g, dtype=dtype)

            training, held = real(30), real(m)
            if how == "copies":
                generated = training[torch.randint(30, (n,), generator=g)]
                generated = generated + 0.05 * torch.randn(n, *shape, generator=g, dtype=dtype)
            else:
                generated = real(n) + (4.0 if how == "off" else 0.0)
            return {"case": name, "generated": generated, "training": training, "held_out": held}

        return [
            case("points in the plane", 9, 11, "fair", (2,)),
            case("a memoriser", 20, 25, "copies", (1, 3, 3)),
            case("a generator that copies nothing", 24, 20, "fair", (1, 3, 3)),
            case("a generator that is far off", 20, 26, "off", (1, 3, 3)),
            case("a memoriser, float64", 16, 12, "copies", (4,), torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        given = answer(case["generated"], case["training"], case["held_out"])
        return {"score": tensor(given, name="copy_score").double().reshape(-1)}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        given, training, held = (case[k].flatten(1) for k in ("generated", "training", "held_out"))
        n, m = len(given), len(held)
        if len(outputs["score"]) != 1:
            raise Wrong("expected one number for all samples together", given=outputs["score"])
        score = outputs["score"][0]
        if not torch.isfinite(score):
            raise Wrong("the score is not a number", given=score)
        d, e = (torch.cdist(v, training).min(dim=1).values for v in (given, held))
        u = pairs(d, e)
        spread = (n * m * (n + m + 1) / 12) ** 0.5
        z = (u - n * m / 2) / spread
        backwards = (pairs(*(torch.cdist(training, v).min(dim=1).values for v in (given, held)))
                     - 30 * 30 / 2) / (30 * 30 * 61 / 12) ** 0.5  # fmt: skip
        to_held = (pairs(torch.cdist(given, held).min(1).values, e) - n * m / 2) / spread
        averaged = (pairs(*(torch.cdist(v, training).mean(dim=1) for v in (given, held))) - n * m / 2) / spread
        mistaken = [
            ("the sign is turned round: copies must come out far *below* 0", -z),
            ("this is U itself: subtract its mean n m / 2 and divide by its deviation", u),
            ("this is U − n m / 2: divide it by its deviation √(n m (n + m + 1) / 12)", u - n * m / 2),
            ("divide by the deviation, the *root* of n m (n + m + 1) / 12", (u - n * m / 2) / spread**2),
            ("this is the share of pairs: make a z-score of it", u / (n * m)),
            ("the mean n m / 2 is not subtracted", u / spread),
            (
                "the distances are *from* the training samples: for each generated one, its nearest in training",
                backwards,
            ),
            (
                "the generated samples are compared with the held-out ones: copies are near to *training* samples",
                to_held,
            ),
            ("the mean distance to all training samples sees no copy: take the nearest", averaged),
            ("the deviation lacks the + 1", (u - n * m / 2) / (n * m * (n + m) / 12) ** 0.5),
        ]
        close(score.reshape(()), z.double(), what="the score", atol=1e-3, rtol=1e-3, mistaken=mistaken)


def pairs(a: Tensor, b: Tensor) -> Tensor:
    """In how many pairs the first is the larger; ties count half."""
    return ((a[:, None] > b).double() + 0.5 * (a[:, None] == b).double()).sum()


# ── cas ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Means(nn.Module):
    """A classifier that takes the class whose mean is nearest: learned in one line, so that a check costs nothing."""

    means: Tensor

    def __init__(self, x: Tensor, y: Tensor, classes: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.stack([x[y == k].flatten(1).mean(0) for k in range(classes)]))

    def forward(self, x: Tensor) -> Tensor:
        """Minus the distances, as logits."""
        return -torch.cdist(x.flatten(1), self.means)


class Cas(Check):
    """The classification accuracy score."""

    key = "gan.cas"
    points = 2
    reference = staticmethod(gan.classification_accuracy_score)
    forbidden = (gan.classification_accuracy_score,)

    def inputs(self, seed: int) -> list[Case]:
        """Points of two classes; pictures of three; a generator of whose classes one is shifted."""
        g = generator(seed)

        def case(name: str, k: int, shape: tuple[int, ...], n: int, m: int) -> Case:
            centres = 1.2 * torch.randn(k, *shape, generator=g)
            y, test_y = torch.arange(n) % k, torch.randint(k, (m,), generator=g)
            x = centres[y] + 1.0 * torch.randn(n, *shape, generator=g)
            test_x = centres[test_y] + 1.5 * torch.randn(m, *shape, generator=g)
            # What is generated of class 0 is off: to be right about generated samples is no use.
            x[y == 0] = x[y == 0] + 1.5 * torch.randn(shape, generator=g)
            return {"case": name, "x": x, "y": y, "test_x": test_x, "test_y": test_y, "classes": k}

        return [
            case("points of four classes", 4, (2,), 61, 83),
            case("pictures of three classes", 3, (1, 2, 2), 90, 101),
            case("five classes", 5, (3,), 121, 203),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer with a quick learner."""

        def learn(x: Tensor, y: Tensor) -> nn.Module:
            return Means(x, y, case["classes"])

        given = answer(learn, case["x"], case["y"], case["test_x"], case["test_y"])
        return {"score": tensor(given, name="cas").double().reshape(-1)}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with what is right and with what each common mistake gives."""
        x, y, test_x, test_y, k = (case[n] for n in ("x", "y", "test_x", "test_y", "classes"))

        def share(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> Tensor:
            return (Means(*train, k)(test[0]).argmax(1) == test[1]).double().mean()

        score = outputs["score"]
        if len(score) != 1:
            raise Wrong("expected one number: the share of right answers", given=score)
        right = share((x, y), (test_x, test_y))
        mistaken = [
            ("it is trained on real samples and tested on generated ones: the other way round",
             share((test_x, test_y), (x, y))),
            ("it is tested on generated samples: they are what it learned from", share((x, y), (x, y))),
            ("it is trained on the real samples that it is tested on", share((test_x, test_y), (test_x, test_y))),
            ("this is the share of *wrong* answers", 1 - right),
            ("this is the number of right answers: divide by how many there are", right * len(test_y)),
            ("this is in per cent; expected a share from 0 to 1", 100 * right),
            ("it is trained on generated and real samples: on generated ones alone",
             share((torch.cat([x, test_x]), torch.cat([y, test_y])), (test_x, test_y))),
        ]  # fmt: skip
        close(score[0], right, what="the score", atol=1e-6, mistaken=mistaken)


CHECKS = (DiscriminatorLoss(), Slopes(), Players(), ClassTerm(), CopyScore(), Cas())
