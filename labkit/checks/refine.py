"""Topic ``refine``: what the answers of exercise 13 must satisfy."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit import refine
from labkit.checks.protocol import Case, Check, Outputs, Wrong, agree, close
from labkit.checks.tensors import generator, tensor


def pair(given: Any, *, name: str, of: str) -> tuple[Any, Any]:
    """Two values, or the sentence that says what came instead."""
    if given is None:
        raise Wrong(f"{name} returned nothing: is a `return` missing?")
    if isinstance(given, Tensor) or not isinstance(given, tuple | list) or len(given) != 2:
        raise Wrong(f"{name} returns two values: `return {of}`")
    return given[0], given[1]


# ── local_loss ────────────────────────────────────────────────────────────────────────────────────────────────────────


def local_loss(logits: Tensor, refined: bool) -> Tensor:
    """Cross-entropy of D's maps (b, h, w), summed over patches, averaged over images."""
    return refine.patch_cross_entropy(logits, refined=refined)


class LocalLoss(Check):
    """The local adversarial loss."""

    key = "refine.local_loss"
    points = 2
    reference = staticmethod(local_loss)
    forbidden = (refine.patch_cross_entropy, refine.realism, refine.discriminator_loss)

    def inputs(self, seed: int) -> list[Case]:
        """One patch of one image; maps that are not square, both answers; a D that is sure; float64."""
        g = generator(seed)

        def case(name: str, shape: tuple[int, int, int], refined: bool, *, scale: float = 1.5, **knobs: Any) -> Case:
            return {"case": name, "logits": scale * torch.randn(shape, generator=g, **knobs) + 0.3, "refined": refined}

        return [
            case("one patch of one image", (1, 1, 1), True),
            case("maps of 2×3, wanted: refined", (4, 2, 3), True),
            case("maps of 3×2, wanted: real", (5, 3, 2), False),
            case("D is very sure", (3, 2, 2), True, scale=300.0),
            case("float64", (2, 4, 3), False, dtype=torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"loss": tensor(answer(case["logits"], case["refined"]), name="local_loss")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each usual mistake gives."""
        z, refined, given = case["logits"], case["refined"], outputs["loss"]
        expected = local_loss(z, refined)
        each = functional.softplus(-z if refined else z)
        if given.numel() == 1 and not torch.isfinite(given).all():
            raise Wrong(
                "it is not finite where D is very sure: the logarithm of a probability that was rounded to 0. "
                "Work with the logits",
                expected=expected, given=given,
            )  # fmt: skip
        if given.shape == z.shape:
            raise Wrong("this is the loss of every patch: add up an image's patches and average over images")
        if given.ndim == 1 and len(given) == len(z):
            raise Wrong("this is the loss of every image: average over images")
        close(
            given.reshape(expected.shape) if given.numel() == 1 else given,
            expected,
            what="the loss",
            mistaken=[
                ('the two answers are swapped: a logit is that of "refined"', local_loss(z, not refined)),
                ("it is averaged over the patches: add them up, average over images alone", each.mean()),
                ("it is added up over the images too: average over images", each.sum()),
                ("the sign is wrong: a cross-entropy is positive", -expected),
                (
                    "the logits are taken for probabilities' logarithms: a sigmoid is missing",
                    (-z if refined else z).sum((1, 2)).mean(),
                ),
                (
                    "this is the loss in bits: take the natural logarithm",
                    expected / torch.log(expected.new_tensor(2.0)),
                ),
                (
                    "this rounds probabilities before it takes their logarithm: work with the logits",
                    -(torch.sigmoid(z if refined else -z).clamp_min(1e-7)).log().sum((1, 2)).mean(),
                ),
            ],
        )


# ── self_regularisation ───────────────────────────────────────────────────────────────────────────────────────────────


def self_regularisation(refined: Tensor, synthetic: Tensor, psi: Callable[[Tensor], Tensor]) -> Tensor:
    """‖ψ(R(x)) − ψ(x)‖₁ summed over an image's features, averaged over images."""
    return refine.self_regularisation(refined, synthetic, psi=psi)


class Pixels(nn.Module):
    """ψ(x) = x."""

    def forward(self, x: Tensor) -> Tensor:
        """The same."""
        return x


class SelfRegularisation(Check):
    """What keeps the label true."""

    key = "refine.self_regularisation"
    points = 2
    reference = staticmethod(self_regularisation)
    forbidden = (refine.self_regularisation, refine.refiner_loss)

    def inputs(self, seed: int) -> list[Case]:
        """One image; a batch that isn't square; colours; features of a network; float64."""
        g = generator(seed)

        def case(name: str, shape: tuple[int, ...], psi: nn.Module, *, dtype: torch.dtype = torch.float32) -> Case:
            x = torch.rand(shape, generator=g, dtype=dtype)
            change = 0.6 * torch.rand(shape, generator=g, dtype=dtype) - 0.2
            return {"case": name, "refined": x + change, "synthetic": x, "psi": psi}

        network = nn.Sequential(nn.Conv2d(1, 3, 2), nn.Tanh(), nn.Flatten())
        with torch.no_grad():
            for p in network.parameters():
                p.copy_(2 * torch.rand(p.shape, generator=g) - 1)
        return [
            case("one grey image, pixels", (1, 1, 2, 2), Pixels()),
            case("grey images of 3×5, pixels", (4, 1, 3, 5), Pixels()),
            case("colour images, pixels", (3, 3, 2, 4), Pixels()),
            case("features of a network", (4, 1, 4, 3), network.requires_grad_(False)),
            case("float64", (2, 1, 3, 3), Pixels(), dtype=torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        given = answer(case["refined"], case["synthetic"], case["psi"])
        return {"loss": tensor(given, name="self_regularisation")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each usual mistake gives."""
        r, x, psi = case["refined"], case["synthetic"], case["psi"]
        change = psi(r) - psi(x)
        expected = change.abs().flatten(1).sum(1).mean()
        if outputs["loss"].ndim == 1 and len(x) > 1 and len(outputs["loss"]) == len(x):
            raise Wrong("this is one value for each image: average over images")
        close(
            outputs["loss"].reshape(expected.shape) if outputs["loss"].numel() == 1 else outputs["loss"],
            expected,
            what="the loss",
            mistaken=[
                ("ψ is not used: the distance is between features", (r - x).abs().flatten(1).sum(1).mean()),
                (
                    "ψ belongs to each image, then the difference: this is ψ of the difference",
                    psi(r - x).abs().flatten(1).sum(1).mean(),
                ),
                (
                    "the distance is squared, as on the slide: take absolute values",
                    change.square().flatten(1).sum(1).mean(),
                ),
                ("this is the Euclidean distance: ‖·‖₁ adds absolute values", change.flatten(1).norm(dim=1).mean()),
                ("it is averaged over the features: add them up, average over images alone", change.abs().mean()),
                ("it is added up over the images too: average over images", change.abs().sum()),
                ("changes up and down cancel: take absolute values first", change.flatten(1).sum(1).mean()),
                ("changes up and down cancel: take absolute values first", change.flatten(1).sum(1).abs().mean()),
            ],
        )


# ── objective ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def objective(refined: Tensor, real: Tensor, change: Tensor, lambda_: float) -> tuple[Tensor, Tensor]:
    """The two losses from D's maps for refined and real images and the self-regularisation: L_R, L_D."""
    return refine.realism(refined) + lambda_ * change, refine.discriminator_loss(refined, real)


class Objective(Check):
    """The slide's objective, put right."""

    key = "refine.objective"
    points = 2
    reference = staticmethod(objective)
    forbidden = (refine.realism, refine.discriminator_loss, refine.refiner_loss, refine.patch_cross_entropy)

    def inputs(self, seed: int) -> list[Case]:
        """One patch each; several; another number of real images; λ = 0; float64."""
        g = generator(seed)

        def case(name: str, m: int, n: int, lambda_: float, side: int = 2, dtype: torch.dtype = torch.float32) -> Case:
            maps = [torch.randn(k, side, side + 1, generator=g, dtype=dtype) + s for k, s in ((m, 0.7), (n, -0.4))]
            change = 0.5 + torch.rand((), generator=g, dtype=dtype)
            return {"case": name, "refined": maps[0], "real": maps[1], "change": change, "lambda_": lambda_}

        return [
            case("one image each", 1, 1, 0.5, side=1),
            case("four of each", 4, 4, 2.0),
            case("three refined, five real", 3, 5, 0.3),
            case("λ = 0", 2, 2, 0.0),
            case("float64", 2, 3, 0.7, dtype=torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; both losses."""
        given = answer(case["refined"], case["real"], case["change"], case["lambda_"])
        return dict(
            zip(("L_R", "L_D"), (tensor(v, name="objective") for v in pair(given, name="objective", of="L_R, L_D")))
        )

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare each loss with labkit's, and with what each usual mistake gives."""
        z, y, change, lambda_ = case["refined"], case["real"], case["change"], case["lambda_"]
        L_R, L_D = objective(z, y, change, lambda_)
        say = refine.patch_cross_entropy
        if agree(outputs["L_R"], L_D) and agree(outputs["L_D"], L_R) and not agree(L_R, L_D):
            raise Wrong("the two losses are in the wrong order: `return L_R, L_D`")
        close(
            outputs["L_R"].reshape(()) if outputs["L_R"].numel() == 1 else outputs["L_R"],
            L_R,
            what="L_R",
            mistaken=[
                (
                    'L_R asks D to say "refined": the refiner wants its images taken for real',
                    say(z, refined=True) + lambda_ * change,
                ),
                ("L_R is without λ", say(z, refined=False) + change),
                ("L_R is without self-regularisation", say(z, refined=False)),
                (
                    "in L_R λ weighs the realism: it belongs to the self-regularisation",
                    lambda_ * say(z, refined=False) + change,
                ),
                ("L_R uses the real images: the refiner never sees them", say(y, refined=False) + lambda_ * change),
                ("L_R uses the real images: the refiner never sees them", L_R + say(y, refined=False)),
                (
                    "λ multiplies both terms of L_R: only the self-regularisation",
                    lambda_ * (say(z, refined=False) + change),
                ),
                (
                    "L_R subtracts D's loss, which saturates where D is sure: −log(1 − D), not + log D",
                    lambda_ * change - say(z, refined=True),
                ),
            ],
        )
        close(
            outputs["L_D"].reshape(()) if outputs["L_D"].numel() == 1 else outputs["L_D"],
            L_D,
            what="L_D",
            mistaken=[
                (
                    "L_D has −log(1 − D) twice, as one line of the slide: for refined images it is −log D",
                    say(z, refined=False) + say(y, refined=False),
                ),
                ("in L_D the two kinds of images are swapped", say(z, refined=False) + say(y, refined=True)),
                ("L_D has −log D twice, as the last line of the slide", say(z, refined=True) + say(y, refined=True)),
                ("L_D is without the real images", say(z, refined=True)),
                ("L_D is without the refined images", say(y, refined=False)),
                ("L_D is halved: it is the sum of both terms", L_D / 2),
                ("self-regularisation is no business of D's: it belongs to L_R alone", L_D + lambda_ * change),
            ],
        )


# ── mix ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def mix(fresh: Tensor, past: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The batch with half of it from the past, and the past renewed."""
    return refine.mix(fresh, past, generator=generator)


CALLS = 150
# Each of 8 slots is hit in a quarter of 150 calls: 37.5 ± 5.3. Five deviations and more never stop a right answer.
LEAST, MOST = 9, 66


class Mix(Check):
    """The history: exactly half, replaced uniformly."""

    key = "refine.mix"
    points = 3
    seeds = 2
    reference = staticmethod(mix)
    forbidden = (refine.mix, refine.ImageHistoryBuffer.query)

    def inputs(self, seed: int) -> list[Case]:
        """One fresh image; images of 2×3; as many fresh ones as the past holds; many calls."""
        g = generator(seed)

        def case(name: str, m: int, n: int, shape: tuple[int, ...], calls: int = 2) -> Case:
            # Every image has a first pixel of its own: a permutation's number, plus something below ½.
            x = torch.randperm(m + n, generator=g).float().reshape(-1, *[1] * len(shape)) + 0.4 * torch.rand(
                m + n, *shape, generator=g
            )
            seeds = torch.randint(2**31, (calls,), generator=g)
            return {"case": name, "fresh": x[:m], "past": x[m:], "seeds": seeds}

        return [
            case("one fresh image, a past of three", 1, 3, (1,)),
            case("three images of 2×3, a past of seven", 3, 7, (1, 2, 3)),
            case("as many fresh ones as the past holds", 4, 4, (1, 2, 2)),
            case(f"{CALLS} calls", 2, 8, (1,), CALLS),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer under every seed, and under the first one twice; also what it left of its inputs."""
        batches, pasts = [], []
        fresh, past = case["fresh"].clone(), case["past"].clone()
        for s in [*case["seeds"].tolist(), int(case["seeds"][0])]:
            given = pair(answer(fresh, past, generator(s)), name="mix", of="batch, new_past")
            batches.append(tensor(given[0], name="mix"))
            pasts.append(tensor(given[1], name="mix"))
        for name, values in (("batch", batches), ("the new past", pasts)):
            if len({v.shape for v in values}) > 1:
                raise Wrong(f"{name} differs in shape from call to call: the numbers of images are fixed")
        return {"batch": torch.stack(batches), "past": torch.stack(pasts), "fresh left": fresh, "past left": past}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Call by call who is in the batch and in the past; then how often each slot was drawn and replaced."""
        fresh, past = case["fresh"], case["past"]
        m, n = len(fresh), len(past)
        if not torch.equal(outputs["past left"], past) or not torch.equal(outputs["fresh left"], fresh):
            raise Wrong("the images it was given were changed in place: return a new past")
        batches, pasts = outputs["batch"], outputs["past"]
        for what, value, size in (("the batch", batches, 2 * m), ("the new past", pasts, n)):
            if value.shape[1:] != (size, *fresh.shape[1:]):
                hint = ""
                if what == "the batch" and value.shape[1:2] == (m,):
                    hint = ": it holds m images; half of 2m are fresh, as many come from the past"
                if what == "the new past" and value.shape[1:2] == (n + m,):
                    hint = ": it has grown; the fresh images *replace* old ones"
                raise Wrong(
                    f"{what} has the wrong shape{hint}", expected=(size, *fresh.shape[1:]), given=tuple(value.shape[1:])
                )
        if not (torch.equal(batches[0], batches[-1]) and torch.equal(pasts[0], pasts[-1])):
            raise Wrong("the same generator's seed gives something else: draw with generator=generator")
        if batches.dtype != fresh.dtype or pasts.dtype != past.dtype:
            raise Wrong("the dtype is not that of the images", expected=fresh.dtype, given=batches.dtype)
        everyone = torch.cat([fresh, past])
        drawn = who(batches, everyone)
        kept = who(pasts, everyone)
        if bool((drawn < 0).any()) or bool((kept < 0).any()):
            raise Wrong("an image is in the result that was neither fresh nor in the past")
        self.composition(drawn, kept, m, n)
        if len(case["seeds"]) == CALLS:
            self.uniform(drawn[:-1], kept[:-1], m, n)

    @staticmethod
    def composition(drawn: Tensor, kept: Tensor, m: int, n: int) -> None:
        """Exactly half, each once; exactly m replaced, all others where they were."""
        new = (drawn < m).sum(1)
        if bool((new != m).any()):
            raise Wrong(
                "not exactly half of the batch is fresh: all m fresh images, and m of the past",
                expected=m, given=int(new[new != m][0]),
            )  # fmt: skip
        if any(len(set(row)) < len(row) for row in drawn.tolist()):
            raise Wrong("an image is in the batch twice: draw without replacement (`torch.randperm`)")
        replaced = kept != torch.arange(m, m + n)
        if bool(((kept >= m) & replaced).any()):
            raise Wrong("what stays in the past has changed its place or its owner: replace m slots, leave the others")
        counts = replaced.sum(1)
        if bool((counts == 0).all()):
            raise Wrong("the past is never renewed: m of its images are replaced by the fresh ones")
        if bool((counts != m).any()):
            wrong = int(counts[counts != m][0])
            raise Wrong("not exactly m images of the past are replaced", expected=m, given=wrong)
        if any(len(set(row[row < m].tolist())) < m for row in kept):
            raise Wrong("one fresh image fills several slots: each of them is kept once")

    @staticmethod
    def uniform(drawn: Tensor, kept: Tensor, m: int, n: int) -> None:
        """Every slot is drawn and replaced about as often as every other."""
        for what, counts in (
            ("drawn", torch.bincount(drawn[drawn >= m] - m, minlength=n)),
            ("replaced", (kept < m).sum(0)),
        ):
            if int(counts.min()) < LEAST or int(counts.max()) > MOST:
                raise Wrong(
                    f"some places of the past are {what} far more often than others: every place is as likely",
                    expected=f"about {len(drawn) * m // n} times each in {len(drawn)} calls", given=counts,
                )  # fmt: skip


def who(images: Tensor, everyone: Tensor) -> Tensor:
    """For each image (calls, k, …) its number among everyone, −1 for a stranger."""
    flat, known = images.flatten(2), everyone.flatten(1)
    same = (flat[:, :, None] == known).all(-1)
    return torch.where(same.any(-1), same.int().argmax(-1), -1)


# ── drift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def drift(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """What all labels share of the way they moved (k,), and the root mean square of the rest, a scalar."""
    found = refine.drift(before, after)
    return found.shift, found.scatter


class LabelDrift(Check):
    """Did the label survive?"""

    key = "refine.drift"
    points = 2
    reference = staticmethod(drift)
    forbidden = (refine.drift,)

    def inputs(self, seed: int) -> list[Case]:
        """One image; all moved alike; moved at random; three numbers a label, float64."""
        g = generator(seed)

        def case(name: str, n: int, k: int, scatter: float, dtype: torch.dtype = torch.float32) -> Case:
            before = 5 * torch.randn(n, k, generator=g, dtype=dtype)
            shift = 1 + torch.rand(k, generator=g, dtype=dtype)
            after = before + shift + scatter * torch.randn(n, k, generator=g, dtype=dtype)
            return {"case": name, "before": before, "after": after}

        return [
            case("two images", 2, 2, 1.0),
            case("all moved alike", 5, 2, 0.0),
            case("moved at random", 20, 2, 1.5),
            case("three numbers a label, float64", 7, 3, 0.7, torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; both results."""
        given = pair(answer(case["before"], case["after"]), name="drift", of="shift, scatter")
        return dict(zip(("shift", "scatter"), (tensor(v, name="drift") for v in given)))

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each usual mistake gives."""
        moved = case["after"] - case["before"]
        shift, scatter = drift(case["before"], case["after"])
        close(
            outputs["shift"],
            shift,
            what="the shift",
            mistaken=[
                ("the shift points backwards: after − before", -shift),
                (
                    "in the shift ways there and back cancel no more: take the mean of the ways, not of their sizes",
                    moved.abs().mean(0),
                ),
                ("the shift is added up over the images: take the mean", moved.sum(0)),
                ("this is the median: the shift is the mean", moved.median(0).values),
            ],
        )
        rest = moved - shift
        close(
            outputs["scatter"].reshape(()) if outputs["scatter"].numel() == 1 else outputs["scatter"],
            scatter,
            what="the scatter",
            atol=1e-4,
            mistaken=[
                ("the scatter holds the shift as well: subtract it first", moved.square().sum(1).mean().sqrt()),
                ("the scatter holds the shift as well: subtract it first", moved.norm(dim=1).mean()),
                ("this is the mean distance: the scatter is the root of the mean *square*", rest.norm(dim=1).mean()),
                ("the square root of the scatter is missing", rest.square().sum(1).mean()),
                ("an image's squares are averaged over its numbers: add them up", rest.square().mean().sqrt()),
                (
                    "divided by n − 1: here it is the mean over the n images",
                    (rest.square().sum() / (len(rest) - 1)).sqrt(),
                ),
            ],
        )


# ── patch_size ────────────────────────────────────────────────────────────────────────────────────────────────────────


def patch_size(strides: list[int], kernel: int) -> int:
    """The side in pixels of the patch that one logit sees."""
    return refine.patch_size(strides, kernel=kernel)


class PatchSize(Check):
    """How much of an image one probability is about."""

    key = "refine.patch_size"
    points = 1
    reference = staticmethod(patch_size)
    forbidden = (refine.patch_size,)

    def inputs(self, seed: int) -> list[Case]:
        """One layer; a stride; the paper's kind; drawn ones."""
        g = generator(seed)

        def case(name: str, strides: list[int], kernel: int) -> Case:
            return {"case": name, "strides": torch.tensor(strides), "kernel": kernel}

        return [
            case("one layer", [1], 3),
            case("two layers, no stride", [1, 1], 5),
            case("a stride, then none", [2, 1], 3),
            case("the lecture's", [2, 2, 1], 3),
            *(case(f"{k} layers", torch.randint(1, 4, (k,), generator=g).tolist(), 3) for k in (3, 4, 5)),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"side": tensor(answer(case["strides"].tolist(), case["kernel"]), name="patch_size")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each usual mistake gives."""
        strides, kernel = case["strides"].tolist(), case["kernel"]
        after, product, flat = 1, 1, 1
        for s in strides:
            product *= s
            after += (kernel - 1) * product
            flat += kernel - 1
        close(
            outputs["side"].double(),
            torch.tensor(patch_size(strides, kernel), dtype=torch.float64),
            what="the side",
            mistaken=[
                (
                    "strides are left out: after a stride of 2 the next layer's pixels are twice as large",
                    tensor(flat).double(),
                ),
                ("a layer's own stride counts for the layers after it, not for itself", tensor(after).double()),
                ("this is how far the map is scaled down, not what one logit sees", tensor(product).double()),
                (
                    "each layer adds kernel − 1 pixels, not kernel",
                    tensor(sum(kernel * p for p in steps(strides))).double(),
                ),
                (
                    "the first pixel is missing: without a layer the view is 1",
                    tensor(patch_size(strides, kernel) - 1).double(),
                ),
            ],
        )


def steps(strides: list[int]) -> list[int]:
    """How large a pixel of each layer's input is."""
    sizes = [1]
    for stride in strides[:-1]:
        sizes.append(sizes[-1] * stride)
    return sizes


CHECKS = (LocalLoss(), SelfRegularisation(), Objective(), Mix(), LabelDrift(), PatchSize())
