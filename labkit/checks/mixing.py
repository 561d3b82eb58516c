"""Topic ``mixing``: what the answers of exercise 02 must satisfy.

What is drawn (weights, partners, centres, gaps) is handed to the functions of the exercise, so that a right answer is
right to the last digit.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from labkit.augment import mixing
from labkit.checks.protocol import Case, Check, Outputs, Wrong, close
from labkit.checks.tensors import generator, tensor


def both(result: Any, names: tuple[str, str], *, name: str) -> Outputs:
    """The two tensors that an answer returned, by name.

    Raises:
        Wrong: if it returned something else.
    """
    if result is None:
        raise Wrong(f"{name} returned nothing: is a `return` missing?")
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Wrong(f"{name} must return two tensors, `return {names[0]}, {names[1]}`")
    return {key: tensor(value, name=name) for key, value in zip(names, result)}


def columns(weight: Tensor, x: Tensor) -> Tensor:
    """(B,) shaped to go with x (B, …)."""
    return weight.view(-1, *[1] * (x.ndim - 1))


# ── mixup ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def mixup(x: Tensor, y: Tensor, partner: Tensor, lambda_: Tensor) -> tuple[Tensor, Tensor]:
    """A batch (B, …) and its soft labels (B, K) mixed with their partners, one λ a pair."""
    return mixing.mixup(x, partner=partner, lambda_=lambda_), mixing.mixup(y, partner=partner, lambda_=lambda_)


class Mixup(Check):
    """mixup of a batch with soft labels: one weight a pair."""

    key = "mixing.mixup"
    points = 3
    reference = staticmethod(mixup)
    forbidden = (mixing.mixup, mixing.synthetic_classification, mixing.synthetic_regression)

    def inputs(self, seed: int) -> list[Case]:
        """Two points; as many images as each is wide; a batch in float64."""
        g = generator(seed)

        def case(name: str, shape: tuple[int, ...], classes: int, dtype: torch.dtype = torch.float32) -> Case:
            b = shape[0]
            draw = partial(torch.rand, generator=g, dtype=dtype)
            turn = int(torch.randint(1, b, (1,), generator=g))
            return {
                "case": name,
                "x": draw(*shape),
                "y": torch.softmax(3 * draw(b, classes), dim=1),
                # Away from ½ and different for each, so that an exchange shows. A turned order has no fixed point.
                "partner": torch.arange(b).roll(turn),
                "lambda_": 0.55 + 0.4 * draw(b),
            }

        return [
            case("two points", (2, 3), 2),
            case("four images of 4 × 4", (4, 1, 4, 4), 3),
            case("five colour images", (5, 3, 4, 6), 10),
            case("float64", (3, 2, 2, 3), 4, torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return both(answer(case["x"], case["y"], case["partner"], case["lambda_"]), ("x", "y"), name="mixup")

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        x, y, partner, lambda_ = case["x"], case["y"], case["partner"], case["lambda_"]
        x2, y2 = mixup(x, y, partner, lambda_)
        other = mixup(x, y, partner, 1 - lambda_)
        along = [(ALONG, lambda_ * x + (1 - lambda_) * x[partner])] if x.shape[-1] == len(x) else []
        w = columns(lambda_, x)
        close(
            outputs["x"],
            x2,
            what="the mixed input",
            mistaken=[
                *along,
                ("the weights of x are exchanged: λ is how much of its own each sample keeps", other[0]),
                (
                    "every pair gets the weight of the first: there is one λ a pair",
                    mixup(x, y, partner, lambda_[:1])[0],
                ),
                ("it mixes with the batch in reverse order: the partner of sample i is x[partner[i]]", mixed(x, w)),
                (
                    "each sample is mixed with the one whose partner it is: the partner is x[partner]",
                    back(x, w, partner),
                ),
                ("the partner keeps its full weight: the two weights add up to 1", w * x + x[partner]),
            ],
        )
        hard = functional.one_hot(y2.argmax(1), y.shape[1]).to(y.dtype)
        close(
            outputs["y"],
            y2,
            what="the mixed label",
            mistaken=[
                ("the labels are not mixed: the picture is half another, and its label must say so", y),
                ("the weights of the labels are exchanged: the same λ for inputs and labels", other[1]),
                ("the labels are those of the partners", y[partner]),
                (
                    "every label gets the weight of the first: there is one λ a pair",
                    mixup(x, y, partner, lambda_[:1])[1],
                ),
                ("the labels are mixed half and half: use λ, as for the inputs", (y + y[partner]) / 2),
                ("the labels are made hard: keep the probabilities", hard),
            ],
        )


ALONG = "λ is multiplied along the width: (B,) meets the *last* dimension of x; give it the shape (B, 1, …, 1)"


def mixed(x: Tensor, w: Tensor) -> Tensor:
    """The batch with itself in reverse order."""
    return w * x + (1 - w) * x.flip(0)


def back(x: Tensor, w: Tensor, partner: Tensor) -> Tensor:
    """The batch mixed by the inverse of the permutation."""
    return w * x + (1 - w) * x[partner.argsort()]


# ── soft_cross_entropy ────────────────────────────────────────────────────────────────────────────────────────────────


def soft_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy of logits (B, K) with labels that are probabilities (B, K): one number."""
    return mixing.soft_cross_entropy(logits, y)


class SoftCrossEntropy(Check):
    """Cross-entropy with probabilities for labels."""

    key = "mixing.soft_cross_entropy"
    points = 2
    reference = staticmethod(soft_cross_entropy)
    forbidden = (mixing.soft_cross_entropy,)

    def inputs(self, seed: int) -> list[Case]:
        """One sample; a batch; logits so large that their exponentials overflow."""
        g = generator(seed)

        def case(name: str, b: int, k: int, size: float = 1.0, dtype: torch.dtype = torch.float32) -> Case:
            draw = partial(torch.randn, generator=g, dtype=dtype)
            return {"case": name, "logits": size * draw(b, k), "y": torch.softmax(2 * draw(b, k), dim=1)}

        return [
            case("one sample, two classes", 1, 2),
            case("a batch", 6, 4),
            case("float64", 3, 5, dtype=torch.float64),
            case("large logits", 4, 3, size=300.0),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"loss": tensor(answer(case["logits"], case["y"]), name="soft_cross_entropy")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        logits, y = case["logits"], case["y"]
        expected = soft_cross_entropy(logits, y)
        logs = functional.log_softmax(logits, dim=1)
        entropy = -(y * y.log()).sum(1).mean()
        if outputs["loss"].shape == logits.shape[:1]:
            raise Wrong("it returns a loss for each sample: take the mean over the batch")
        close(
            outputs["loss"],
            expected,
            what="the loss",
            mistaken=[
                ("the minus is missing: log-probabilities are below 0, a loss is above", -expected),
                (
                    "it averages over the classes too: sum over the classes, then take the mean over the batch",
                    expected / y.shape[1],
                ),
                ("it adds up the batch: take the mean over the samples", expected * len(y)),
                (
                    "it takes the most probable class for the label: sum over all classes, weighted by y",
                    functional.cross_entropy(logits, y.argmax(1)),
                ),
                (
                    "the softmax runs over the batch: it runs over the classes, dim=1",
                    -(y * functional.log_softmax(logits, dim=0)).sum(1).mean(),
                ),
                (
                    "the entropy of the labels is subtracted: that is the Kullback-Leibler divergence",
                    expected - entropy,
                ),
                ("the logarithm is missing", -(y * logs.exp()).sum(1).mean()),
                ("the softmax is missing: logits are no probabilities", -(y * logits).sum(1).mean()),
            ],
        )


# ── cut_boxes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def cut_boxes(lambda_: Tensor, centres: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """CutMix's boxes (B, 4) and the share of its own pixels that each picture keeps (B,)."""
    boxes = mixing.cutmix_boxes(lambda_, centres=centres, size=(height, width))
    return boxes, mixing.share_kept(boxes, size=(height, width)).to(lambda_.dtype)


class CutBoxes(Check):
    """CutMix's boxes, and labels by area."""

    key = "mixing.cut_boxes"
    points = 3
    reference = staticmethod(cut_boxes)
    forbidden = (mixing.cutmix_boxes, mixing.share_kept)

    def inputs(self, seed: int) -> list[Case]:
        """A box in the middle; one in a corner; many in a picture wider than high."""
        g = generator(seed)

        def case(name: str, n: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> Case:
            lambda_ = (0.1 + 0.7 * torch.rand(400, generator=g, dtype=torch.float64)).to(dtype)
            u = torch.rand(n, 2, generator=g) * torch.tensor([width, height])
            return {
                "case": name,
                "lambda_": lambda_[unambiguous(lambda_, height, width)][:n],
                "centres": torch.minimum(u.long(), torch.tensor([width, height]) - 1),
                "height": height,
                "width": width,
            }

        middle, corner = case("a box in the middle", 1, 20, 32), case("a box at a corner", 1, 32, 20)
        middle["centres"], corner["centres"] = torch.tensor([[16, 10]]), torch.tensor([[0, 31]])
        middle["lambda_"] = 0.7 + 0.1 * torch.rand(1, generator=g)
        if not bool(unambiguous(middle["lambda_"], 20, 32).all()):
            middle["lambda_"] = torch.tensor([0.77])
        return [middle, corner, case("a wide picture", 12, 24, 57), case("float64", 5, 28, 28, torch.float64)]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        result = answer(case["lambda_"], case["centres"], case["height"], case["width"])
        return both(result, ("boxes", "kept"), name="cut_boxes")

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        lambda_, centres, height, width = case["lambda_"], case["centres"], case["height"], case["width"]
        boxes, kept = cut_boxes(lambda_, centres, height, width)
        unclipped = reach(lambda_, centres, height, width)
        exchanged = torch.stack([unclipped[:, 1], unclipped[:, 0], unclipped[:, 3], unclipped[:, 2]], 1)
        size = torch.tensor([width, height, width, height])

        def cut(box: Tensor) -> Tensor:
            return torch.minimum(box.clamp_min(0), size)

        close(
            outputs["boxes"],
            boxes,
            what="the box (left, top, right, bottom)",
            dtype=False,
            mistaken=[
                ("the box reaches out of the picture: cut it off at 0 and at the width and height", unclipped),
                (
                    "the box is twice as wide and high: it reaches *half* a side to each side of its centre",
                    cut(reach(lambda_, centres, height, width, factor=2.0)),
                ),
                (
                    "the sides shrink with 1 − λ, so the area with its square: they are √(1 − λ) of the picture's",
                    cut(reach(1 - (1 - lambda_) ** 2, centres, height, width)),
                ),
                (
                    "the box has the area λ: the partner's share is 1 − λ",
                    cut(reach(1 - lambda_, centres, height, width)),
                ),
                (
                    "height and width are exchanged: x and the left and right edges go with the width",
                    torch.minimum(reach(lambda_, centres, width, height).clamp_min(0), size[[1, 0, 3, 2]]),
                ),
                (
                    "the order is (left, top, right, bottom): x first",
                    torch.minimum(exchanged.clamp_min(0), size[[1, 0, 3, 2]]),
                ),
                ("the centre is (x, y): x first", cut(reach(lambda_, centres.flip(1), height, width))),
                (
                    "it gives (left, top, width, height): the last two are the right and the bottom edge",
                    torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1),
                ),
            ],
        )
        close(
            outputs["kept"],
            kept,
            what="the share that is kept",
            mistaken=[
                ("the label takes λ: it must go by the area that is left after cutting off", lambda_),
                ("it is the share of the *partner*: return 1 minus it", 1 - kept),
                ("the area is that of the box before it was cut off", 1 - area(unclipped) / (height * width)),
                ("it is a number of pixels: divide by height · width", kept * height * width),
                (
                    "it is the box's number of pixels: divide by height · width and subtract from 1",
                    (1 - kept) * height * width,
                ),
            ],
        )


def reach(lambda_: Tensor, centres: Tensor, height: int, width: int, *, factor: float = 1.0) -> Tensor:
    """The boxes before they are cut off."""
    half = (factor * 0.5 * (1 - lambda_.double()).sqrt()[:, None] * torch.tensor([width, height])).long()
    return torch.cat([centres - half, centres + half], 1)


def area(boxes: Tensor) -> Tensor:
    """The area of each box."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def unambiguous(lambda_: Tensor, height: int, width: int) -> Tensor:
    """Where no rounding of float32 can move an edge by a pixel."""
    half = 0.5 * (1 - lambda_.double()).sqrt()[:, None] * torch.tensor([width, height])
    return ((half - half.round()).abs() > 0.02).all(1)


# ── similarity ────────────────────────────────────────────────────────────────────────────────────────────────────────


def similarity(y: Tensor, sigma: float) -> Tensor:
    """C-Mixup's probabilities of partners (B, B) from targets (B, T)."""
    return mixing.similarity(y, sigma=sigma)


class Similarity(Check):
    """Partners by the similarity of targets."""

    key = "mixing.similarity"
    points = 2
    reference = staticmethod(similarity)
    forbidden = (mixing.similarity, mixing.similar_partners)

    def inputs(self, seed: int) -> list[Case]:
        """One sample, which has itself only; three; targets of two numbers; targets far apart."""
        g = generator(seed)

        def case(
            name: str, b: int, t: int, sigma: float, size: float = 1.0, dtype: torch.dtype = torch.float32
        ) -> Case:
            return {"case": name, "y": size * torch.randn(b, t, generator=g, dtype=dtype), "sigma": sigma}

        return [
            case("one sample", 1, 1, 0.5),
            case("three samples", 3, 1, 0.7),
            case("targets of two numbers", 5, 2, 1.3),
            case("float64", 4, 3, 0.6, dtype=torch.float64),
            case("targets far apart", 4, 1, 0.5, size=100.0),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"probabilities": tensor(answer(case["y"], case["sigma"]), name="similarity")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        y, sigma = case["y"], case["sigma"]
        squared = (y[:, None] - y[None]).square()
        exponent = -squared.sum(-1) / (2 * sigma**2)
        alone = exponent.masked_fill(torch.eye(len(y), dtype=torch.bool), -torch.inf)
        close(
            outputs["probabilities"],
            similarity(y, sigma),
            what="the matrix of probabilities",
            atol=1e-6,
            mistaken=[
                ("the rows don't add up to 1: divide each by its sum", exponent.exp()),
                (
                    "the columns add up to 1: row i holds the partners of sample i, so normalise the rows",
                    torch.softmax(exponent, dim=0),
                ),
                ("the 2 is missing: divide the squared distance by 2σ²", torch.softmax(2 * exponent, dim=1)),
                ("σ is not squared", torch.softmax(exponent * sigma, dim=1)),
                ("the distance is not squared", torch.softmax(-squared.sum(-1).sqrt() / (2 * sigma**2), dim=1)),
                (
                    "the squares are averaged over the numbers of a target: add them up",
                    torch.softmax(exponent / y.shape[1], dim=1),
                ),
                ("the minus is missing: it prefers partners that are far away", torch.softmax(-exponent, dim=1)),
                ("a sample can't be its own partner here: keep the diagonal", torch.softmax(alone, dim=1)),
                ("the whole matrix adds up to 1: each row must", exponent.exp() / exponent.exp().sum()),
            ],
        )


# ── sampling_weights ──────────────────────────────────────────────────────────────────────────────────────────────────


def sampling_weights(y: Tensor, classes: int) -> Tensor:
    """The probability (N,) of drawing each sample so that all classes that occur are drawn equally often."""
    weight = mixing.class_weights(mixing.class_counts(y, classes=classes))[y]
    return weight / weight.sum()


class SamplingWeights(Check):
    """Class-balanced sampling."""

    key = "mixing.sampling_weights"
    points = 2
    reference = staticmethod(sampling_weights)
    forbidden = (mixing.class_weights, mixing.balanced_sample)

    def inputs(self, seed: int) -> list[Case]:
        """Three against one; many classes; a class without samples."""
        g = generator(seed)

        def case(name: str, counts: list[int]) -> Case:
            y = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
            return {"case": name, "y": y[torch.randperm(len(y), generator=g)], "classes": len(counts)}

        several = [int(n) for n in torch.randint(2, 30, (5,), generator=g)]
        return [
            case("three of one class, one of the other", [3, 1]),
            case("five classes", [*several[:4], several[4] + 40]),
            case("a class without samples", [several[0], 0, 2 * several[1] + 1, 0]),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"probabilities": tensor(answer(case["y"], case["classes"]), name="sampling_weights")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        y, classes, given = case["y"], case["classes"], outputs["probabilities"]
        counts = torch.bincount(y, minlength=classes).float()
        share = counts[y] / len(y)
        if given.shape == (classes,) and classes != len(y):
            raise Wrong("it returns one number a class: give every *sample* its class's weight, `weight[y]`")
        close(
            given,
            sampling_weights(y, classes),
            what="the probability of each sample",
            atol=1e-7,
            dtype=False,
            mistaken=[
                ("the probabilities don't add up to 1: divide by their sum", 1 / counts[y]),
                (
                    "a class without samples takes a share that nobody gets: count the classes that *occur*",
                    1 / counts[y] / classes,
                ),
                ("frequent classes are drawn even more often: the weight is 1 / n, not n", share / share.sum()),
                ("all samples are drawn alike, so frequent classes more often", torch.full_like(share, 1 / len(y))),
                (
                    "the weight of a class is shared among its samples twice: 1 / n, not 1 / n²",
                    share**-2 / (share**-2).sum(),
                ),
                ("1 − n/N does not balance the classes: 1 / n does", (1 - share) / (1 - share).sum().clamp_min(1e-9)),
                ("the square root of 1 / n balances the classes only halfway", share**-0.5 / (share**-0.5).sum()),
            ],
        )


# ── smote ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def smote(x: Tensor, base: Tensor, rank: Tensor, gap: Tensor) -> Tensor:
    """New samples (M, D): from x[base] a share ``gap`` of the way to its neighbour number ``rank``, 0 the nearest."""
    near = mixing.neighbours(x, k=int(rank.max()) + 1)
    neighbour = near[base].gather(1, rank[:, None])[:, 0]
    return mixing.smote_step(x, base=base, neighbour=neighbour, gap=gap)


class Smote(Check):
    """One step of SMOTE."""

    key = "mixing.smote"
    points = 2
    reference = staticmethod(smote)
    forbidden = (mixing.neighbours, mixing.smote_step, mixing.smote, mixing.mixup)

    def inputs(self, seed: int) -> list[Case]:
        """Two samples, one new one; several new ones; float64."""
        g = generator(seed)

        def case(name: str, n: int, m: int, d: int, k: int, dtype: torch.dtype = torch.float32) -> Case:
            return {
                "case": name,
                "x": 3 * torch.randn(n, d, generator=g, dtype=dtype) + 5,
                "base": torch.randint(n, (m,), generator=g),
                "rank": torch.randint(k, (m,), generator=g),
                "gap": 0.6 + 0.35 * torch.rand(m, generator=g, dtype=dtype),
            }

        first = case("two samples, one new", 2, 1, 2, 1)
        first["base"] = torch.zeros(1, dtype=torch.int64)
        return [
            first,
            case("seven samples, seven new", 7, 7, 7, 3),
            case("more new ones than samples", 6, 15, 3, 5),
            case("float64", 9, 4, 2, 4, torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"new": tensor(answer(case["x"], case["base"], case["rank"], case["gap"]), name="smote")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        x, base, rank, gap = case["x"], case["base"], case["rank"], case["gap"]
        m, d = len(base), x.shape[1]
        order = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").argsort(1)

        def towards(neighbour: Tensor, share: Tensor) -> Tensor:
            return x[base] + share * (x[neighbour] - x[base])

        near, w = order[base, (rank + 1).clamp_max(len(x) - 1)], gap[:, None]
        close(
            outputs["new"],
            smote(x, base, rank, gap),
            what="the new samples",
            atol=1e-4,
            mistaken=[
                ("a sample counts as its own nearest neighbour: leave it out", towards(order[base, rank], w)),
                ("the gap is measured from the neighbour: start at x[base]", towards(near, 1 - w)),
                ("every new sample gets the gap of the first: there is one gap a sample", towards(near, w[:1])),
                ("it always goes towards the nearest neighbour: towards number `rank`", towards(order[base, 1], w)),
                (
                    "it goes towards the farthest: sort the distances from small to large",
                    towards(order[base].flip(1)[torch.arange(m), rank], w),
                ),
                ("it adds a share of the neighbour: add a share of the *difference*", x[base] + w * x[near]),
                (
                    "it takes the neighbours of sample number i, not of sample base[i]",
                    towards(order[torch.arange(m) % len(x), (rank + 1).clamp_max(len(x) - 1)], w),
                ),
                *(
                    [("the gap is multiplied along the features: give it the shape (M, 1)", towards(near, gap))]
                    if d == m
                    else []
                ),
            ],
        )


CHECKS = (Mixup(), SoftCrossEntropy(), CutBoxes(), Similarity(), SamplingWeights(), Smote())
