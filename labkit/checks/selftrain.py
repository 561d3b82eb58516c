"""Topic ``selftrain``: what the answers of exercise 03 must satisfy."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from labkit import metrics, nets, selftrain
from labkit.checks.protocol import Case, Check, Outputs, Wrong, agree, close
from labkit.checks.protocol import describe as text
from labkit.checks.tensors import generator, tensor

# ── surest ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def surest(c: Tensor, yu: Tensor, q: int) -> Tensor:
    """Indices of the q highest confidences of each pseudo-class: (n,), (n,) → (m,)."""
    return selftrain.select(c, yu, q=q, per_class=True)


class Surest(Check):
    """The surest pseudo-labels of each class."""

    key = "selftrain.surest"
    points = 2
    reference = staticmethod(surest)
    forbidden = (selftrain.select,)

    def inputs(self, seed: int) -> list[Case]:
        """One of each of two classes; then several; a class with fewer than q; class numbers with gaps; float64."""
        g = generator(seed)

        def case(name: str, y: Tensor, q: int, dtype: torch.dtype = torch.float32) -> Case:
            order = torch.randperm(len(y), generator=g)
            # Class after class the model is surer: the last class alone would fill the q highest.
            c = 0.2 + 0.1 * y / y.max() * 5 + 0.09 * torch.rand(len(y), generator=g)
            return {"case": name, "c": c.to(dtype)[order], "yu": y[order], "q": q}

        def classes(*counts: int) -> Tensor:
            return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))

        return [
            case("the surest of each of two classes", classes(3, 3), 1),
            case("three of each of five classes", classes(8, 9, 7, 12, 10), 3),
            case("a class with two members, q = 4", classes(9, 2, 8), 4),
            case("classes 1, 4 and 6 alone", torch.tensor([1, 4, 6]).repeat(6), 2),
            case("float64", classes(5, 6), 2, torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"h": tensor(answer(case["c"], case["yu"], case["q"]), name="surest")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The same indices in any order, or the sentence for the usual mistakes."""
        c, yu, q, h = case["c"], case["yu"], case["q"], outputs["h"]
        if h.dtype == torch.bool or h.is_floating_point() or h.ndim != 1:
            raise Wrong("expected indices: whole numbers of shape (m,)", given=text(h))
        if len(h) and (h.min() < 0 or h.max() >= len(c)):
            raise Wrong(f"an index is outside 0 to {len(c) - 1}", given=h)
        within = torch.cat([c[yu == k].argsort(descending=True)[:q] for k in yu.unique()]).sort().values
        if torch.equal(within, h.sort().values) and not torch.equal(within, surest(c, yu, q).sort().values):
            raise Wrong("these are positions among the members of a class: turn them into positions in c", given=h)
        if len(h.unique()) != len(h):
            raise Wrong("an index occurs twice: every example is moved once", given=h)
        expected, given = surest(c, yu, q).sort().values, h.sort().values
        usual = [
            ("these are the q surest of all: q of *each* class are asked for", selftrain.select(c, q=q)),
            ("these are the *least* sure of each class", selftrain.select(-c, yu, q=q, per_class=True)),
        ]
        for sentence, other in usual:
            if torch.equal(other.sort().values, given) and not torch.equal(given, expected):
                raise Wrong(sentence, expected=expected, given=given)
        for k in yu.unique().tolist():
            there, wanted = int((yu[given] == k).sum()), int((yu[expected] == k).sum())
            if there != wanted:
                raise Wrong(
                    f"it chooses {there} of pseudo-class {k}, which has {int((yu == k).sum())} members, and q is {q}",
                    expected=wanted,
                    given=there,
                )
        if not torch.equal(given, expected):
            raise Wrong("as many of each class, but not the surest ones", expected=expected, given=given)


# ── move ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def move(X: Tensor, y: Tensor, Xu: Tensor, yu: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The last two lines of the deck's loop: the new X, y and X_u."""
    rest = selftrain.loop.without(h, len(Xu))
    return torch.cat([X, Xu[h]]), torch.cat([y, yu[h]]), Xu[rest]


def canonical(X: Tensor, y: Tensor | None = None) -> Tensor:
    """Rows (with their labels) in an order that does not depend on how they came."""
    rows = X.flatten(1).double()
    if y is not None:
        rows = torch.cat([rows, y.double()[:, None]], dim=1)
    # The examples are random numbers: their first entry tells them apart.
    return rows[rows[:, 0].argsort()]


class Move(Check):
    """One round's move from X_u to X."""

    key = "selftrain.move"
    points = 2
    reference = staticmethod(move)
    forbidden = (selftrain.self_train, selftrain.loop.without)

    def inputs(self, seed: int) -> list[Case]:
        """One example of three; several in falling order of confidence; images; nothing left; nothing moved."""
        g = generator(seed)

        def case(name: str, n: int, u: int, h: list[int], shape: tuple[int, ...] = (2,)) -> Case:
            return {
                "case": name,
                "X": torch.rand(n, *shape, generator=g),
                "y": torch.randint(0, 5, (n,), generator=g),
                "Xu": torch.rand(u, *shape, generator=g),
                # All different: which label belongs to which example can be seen.
                "yu": torch.randperm(u, generator=g),
                "h": torch.tensor(h, dtype=torch.int64),
            }

        return [
            case("one example of three", 2, 3, [1]),
            case("four of seven, the surest first", 3, 7, [5, 0, 6, 2]),
            case("images", 2, 5, [4, 1], (1, 4, 3)),
            case("everything is moved", 2, 3, [2, 0, 1]),
            case("nothing is moved", 2, 3, []),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; all three results."""
        given = answer(case["X"], case["y"], case["Xu"], case["yu"], case["h"])
        if given is None or isinstance(given, Tensor) or len(given) != 3:
            what = "nothing" if given is None else "one tensor" if isinstance(given, Tensor) else f"{len(given)} values"
            raise Wrong(f"move returned {what}: `return X, y, Xu`, three tensors")
        return {name: tensor(value, name="move") for name, value in zip(("X", "y", "Xu"), given)}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The same pairs in X and y, and the same rest, in any order."""
        wanted = dict(zip(("X", "y", "Xu"), move(case["X"], case["y"], case["Xu"], case["yu"], case["h"])))
        X, y, Xu = outputs["X"], outputs["y"], outputs["Xu"]
        moved = len(case["h"])
        if moved and Xu.shape == case["Xu"].shape:
            raise Wrong("what was moved is still in Xu: it would be moved again and again", given=text(Xu))
        if moved and X.shape == case["X"].shape:
            raise Wrong("X has not grown: Xh belongs below it", expected=tuple(wanted["X"].shape), given=tuple(X.shape))
        if moved and len(y) == len(case["y"]) + len(case["yu"]) and moved < len(case["yu"]):
            raise Wrong("all of yu is appended to y: only the labels of what is moved, yu[h]", given=y)
        for name in ("X", "y", "Xu"):
            if outputs[name].shape != wanted[name].shape:
                sizes = {"expected": tuple(wanted[name].shape), "given": tuple(outputs[name].shape)}
                raise Wrong(f"{name} has the wrong shape", **sizes)
            if outputs[name].dtype != wanted[name].dtype:
                raise Wrong(f"{name} has the wrong dtype", expected=wanted[name].dtype, given=outputs[name].dtype)
        if not agree(canonical(X), canonical(wanted["X"])):
            raise Wrong("X holds other examples than the old X and Xu[h]", expected=wanted["X"], given=X)
        if not agree(canonical(Xu), canonical(wanted["Xu"])):
            raise Wrong("Xu holds other examples than those that were not moved", expected=wanted["Xu"], given=Xu)
        if not agree(canonical(X, y), canonical(wanted["X"], wanted["y"])):
            raise Wrong(
                "examples and labels have lost each other: X and y must be put together in the same order",
                expected=wanted["y"],
                given=y,
            )


# ── alpha ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def alpha(t: Tensor, T1: float, T2: float, final: float) -> Tensor:
    """Lee's weight at each of the times t: (n,) → (n,)."""
    return torch.stack([t.new_tensor(selftrain.linear_ramp(float(v), T1=T1, T2=T2, final=final)) for v in t])


class Alpha(Check):
    """Lee's ramp."""

    key = "selftrain.alpha"
    points = 2
    reference = staticmethod(alpha)
    forbidden = (selftrain.linear_ramp,)

    def inputs(self, seed: int) -> list[Case]:
        """One time on the ramp; the paper's numbers; before, on, after; float64."""
        g = generator(seed)
        low, high = (float(v) for v in (10 + 20 * torch.rand(1, generator=g), 60 + 20 * torch.rand(1, generator=g)))
        around = torch.tensor([0.0, low - 5, low, low + 1, (low + high) / 2, high - 1, high, high + 1, 500])
        paper = torch.tensor([0.0, 100, 350, 600, 1000])
        third = (low + high) / 3 + low / 3
        return [
            {"case": "on the ramp", "t": torch.tensor([third]), "T1": low, "T2": high, "final": 2.0},
            {"case": "the paper's numbers", "t": paper, "T1": 100.0, "T2": 600.0, "final": 3.0},
            {"case": "before, on and after", "t": around, "T1": low, "T2": high, "final": 1.5},
            {"case": "float64", "t": around.double(), "T1": low, "T2": high, "final": 0.7},
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"alpha": tensor(answer(case["t"], case["T1"], case["T2"], case["final"]), name="alpha")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        t, T1, T2, final = case["t"], case["T1"], case["T2"], case["final"]
        line = (t - T1) / (T2 - T1)
        shape = line.clamp(0, 1)
        close(
            outputs["alpha"],
            alpha(t, T1, T2, final),
            what="the weight",
            mistaken=[
                ("`final` is missing: the ramp ends at 1", shape),
                ("the weight is negative before T1: it is 0 there", final * line.clamp(max=1)),
                ("the weight grows on after T2: it stays at `final`", final * line.clamp(min=0)),
                ("the line is neither cut off before T1 nor after T2", final * line),
                ("it jumps at T1: between T1 and T2 it grows along a line", final * (t >= T1).to(t.dtype)),
                ("it jumps at T2: between T1 and T2 it grows along a line", final * (t >= T2).to(t.dtype)),
                ("the ramp begins at 0: it begins at T1", final * (t / T2).clamp(0, 1)),
                ("the slope is wrong: divide by T2 − T1", (final * (t - T1) / T2).clamp(0, final)),
                ("the weight falls instead of growing", final * (1 - shape)),
            ],
        )


# ── fixmatch ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def fixmatch(weak: Tensor, strong: Tensor, tau: float) -> Tensor:
    """FixMatch's unlabelled loss from the logits of two views, (n, k) each."""
    return selftrain.fixmatch_loss(weak, strong, tau=tau).loss


class FixMatch(Check):
    """The loss that lets a weak view teach a strong one."""

    key = "selftrain.fixmatch"
    points = 3
    reference = staticmethod(fixmatch)
    forbidden = (selftrain.fixmatch_loss, selftrain.pseudo_label_loss)

    def inputs(self, seed: int) -> list[Case]:
        """Two sure of four; a batch; one sample; nobody sure; float64."""
        g = generator(seed)

        def case(name: str, sure: int, unsure: int, tau: float, dtype: torch.dtype = torch.float32) -> Case:
            n, k = sure + unsure, 5
            weak = 0.3 * torch.randn(n, k, generator=g, dtype=dtype)
            likely = torch.randint(0, k, (n,), generator=g)
            # Sure: a probability of about 0.97; the others are far from any threshold that is used.
            weak[torch.arange(sure), likely[:sure]] += 6.5
            # A shift changes no probability; only who compares logits with tau takes this sample for a sure one.
            weak[sure : sure + 1] += 3
            strong = 1.5 * torch.randn(n, k, generator=g, dtype=dtype)
            for i in {0, min(sure, n - 1)}:
                strong[i, torch.randint(0, k, (1,), generator=g)] += 9
            order = torch.randperm(n, generator=g)
            return {"case": name, "weak": weak[order], "strong": strong[order], "tau": tau}

        return [
            case("two sure of four", 2, 2, 0.9),
            case("a batch of twenty", 8, 12, 0.8),
            case("one sample", 1, 0, 0.9),
            case("nobody is sure", 0, 3, 0.9),
            case("float64", 3, 2, 0.7, torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """The loss, and its gradients by both views."""
        weak, strong = (case[name].clone().requires_grad_() for name in ("weak", "strong"))
        loss = answer(weak, strong, case["tau"])
        outputs = {"loss": tensor(loss, name="fixmatch")}
        grads: Any = (None, None)
        if isinstance(loss, Tensor) and loss.requires_grad and loss.numel() == 1:
            grads = torch.autograd.grad(loss.sum(), [weak, strong], allow_unused=True)
        for name, grad, at in zip(("weak", "strong"), grads, (weak, strong)):
            outputs[name] = torch.zeros_like(at) if grad is None else grad
        return outputs

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare the value, with what each common mistake gives; then the gradients."""
        weak, strong, tau = case["weak"], case["strong"], case["tau"]
        strong = strong.clone().requires_grad_()
        expected = fixmatch(weak, strong, tau)
        (slope,) = torch.autograd.grad(expected, strong) if expected.requires_grad else (torch.zeros_like(strong),)
        if outputs["loss"].ndim:
            raise Wrong("the loss is one number: take the mean", expected="a scalar", given=text(outputs["loss"]))
        if outputs["loss"].isnan() and not bool((functional.softmax(weak, 1) >= tau).any()):
            raise Wrong("it is nan where nobody is sure: the mean is over *all* samples, sure or not")
        close(outputs["loss"], expected.detach(), what="the loss", mistaken=usual_losses(weak, strong.detach(), tau))
        if outputs["weak"].abs().max() > 1e-7:
            raise Wrong("a gradient flows to the weak view: its opinion is a target, so `detach` it")
        if not agree(outputs["strong"], slope, atol=1e-6):
            raise Wrong("the gradient by the strong view is wrong: only the *weak* view is detached", expected=slope)


def usual_losses(weak: Tensor, strong: Tensor, tau: float) -> dict[str, Tensor]:
    """What FixMatch's loss is with each of the usual mistakes."""
    q, p = functional.softmax(weak, 1), functional.softmax(strong, 1)
    c, target = q.max(1)
    mask = (c >= tau).to(strong.dtype)
    each = functional.cross_entropy(strong, target, reduction="none")
    soft = -(q * functional.log_softmax(strong, 1)).sum(1)
    own = functional.cross_entropy(strong, strong.argmax(1), reduction="none")
    back = functional.cross_entropy(weak, strong.argmax(1), reduction="none")
    hot = (p.max(1).values >= tau).to(strong.dtype)
    return {
        "the mean is over the sure samples only: divide by the number of all": (mask * each).sum() / mask.sum(),
        "it adds up: take the mean": (mask * each).sum(),
        "nothing is masked: samples whose weak view is unsure must not count": each.mean(),
        "the target is the weak view's probabilities: take its likeliest class": (mask * soft).mean(),
        "the strong view is its own target: the pseudo-label comes from the weak view": (mask * own).mean(),
        "the mask looks at the strong view: it asks whether the *weak* one is sure": (hot * each).mean(),
        "the views are exchanged: the weak one gives the label, the strong one learns it": (hot * back).mean(),
        "tau is compared with logits: it is a probability, so apply softmax first": (
            (weak.max(1).values >= tau).to(strong.dtype) * each
        ).mean(),
        "the unsure ones are learned and the sure ones left out": ((1 - mask) * each).mean(),
    }


# ── ema_update ────────────────────────────────────────────────────────────────────────────────────────────────────────


def ema_update(teacher: list[Tensor], student: list[Tensor], decay: float) -> list[Tensor]:
    """The teacher's weights after one step of the moving average."""
    return [torch.lerp(mine, given, 1 - decay) for mine, given in zip(teacher, student)]


class Follow(Check):
    """The teacher that averages."""

    key = "selftrain.ema_update"
    points = 1
    reference = staticmethod(ema_update)
    forbidden = (nets.ema_update,)

    def inputs(self, seed: int) -> list[Case]:
        """One weight; a small network's; a decay of 0; float64. Both sets lie in one tensor a layer."""
        g = generator(seed)

        def case(name: str, decay: float, *shapes: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Case:
            weights = {
                f"{who} {i}": 1 + torch.rand(shape, generator=g, dtype=dtype)
                for i, shape in enumerate(shapes)
                for who in ("teacher", "student")
            }
            return {"case": name, "decay": decay, "layers": len(shapes), **weights}

        return [
            case("one weight", 0.9, (1,)),
            case("two layers", 0.99, (3, 2), (3,), (2, 3)),
            case("decay 0", 0.0, (2, 2)),
            case("float64", 0.8, (4,), (2, 2), dtype=torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer on lists of copies; also what it left of them."""
        teacher, student = ([case[f"{who} {i}"].clone() for i in range(case["layers"])] for who in WHO)
        given = answer(list(teacher), list(student), case["decay"])
        if given is None:
            raise Wrong("ema_update returned nothing: is a `return` missing?")
        if not isinstance(given, list | tuple) or len(given) != case["layers"]:
            raise Wrong(f"ema_update returns a list with a tensor for each of the {case['layers']} given")
        return {
            f"{who} {i}": tensor(value, name="ema_update")
            for who, values in (("new", given), ("left", teacher), ("kept", student))
            for i, value in enumerate(values)
        }

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare layer by layer."""
        decay = case["decay"]
        for i in range(case["layers"]):
            teacher, student = case[f"teacher {i}"], case[f"student {i}"]
            if not torch.equal(outputs[f"kept {i}"], student):
                raise Wrong("the student's weights were changed: the teacher follows, never the student")
            if not torch.equal(outputs[f"left {i}"], teacher):
                raise Wrong("the weights it was given were changed in place: return new ones")
            close(
                outputs[f"new {i}"],
                ema_update([teacher], [student], decay)[0],
                what=f"layer {i}",
                mistaken={
                    "decay belongs to the teacher, 1 − decay to the student": torch.lerp(teacher, student, decay),
                    "these are the student's weights: the teacher moves only a little towards them": student,
                    "these are the teacher's old weights": teacher,
                    "the student counts in full: its part is 1 − decay": decay * teacher + student,
                    "this is the plain mean of the two": (teacher + student) / 2,
                },
            )


WHO = ("teacher", "student")


# ── calibration_error ─────────────────────────────────────────────────────────────────────────────────────────────────


def calibration_error(probabilities: Tensor, y: Tensor, bins: int) -> Tensor:
    """The expected calibration error: (n, k), (n,) → a scalar."""
    return torch.tensor(metrics.calibration_error(probabilities, y, bins=bins), dtype=torch.float64)


class CalibrationError(Check):
    """Is the model right as often as it is sure?"""

    key = "selftrain.calibration_error"
    points = 2
    reference = staticmethod(calibration_error)
    forbidden = (metrics.calibration_error, metrics.reliability)

    def inputs(self, seed: int) -> list[Case]:
        """One bin; five, some of them empty, too sure in one and not enough in another; a confidence of exactly 1."""
        g = generator(seed)

        def case(name: str, confidence: Tensor, right: Tensor, bins: int) -> Case:
            n, k = len(confidence), 4
            chosen = torch.randint(0, k, (n,), generator=g)
            p = ((1 - confidence) / (k - 1))[:, None].expand(n, k).clone()
            p[torch.arange(n), chosen] = confidence
            y = torch.where(right, chosen, (chosen + 1) % k)
            return {"case": name, "probabilities": p, "y": y, "bins": bins}

        def within(low: float, high: float, n: int) -> Tensor:
            return low + (high - low) * torch.rand(n, generator=g, dtype=torch.float64)

        def share(n: int, right: int) -> Tensor:
            return torch.arange(n) < right

        # Kept clear of the edges of bins, which rounding could move across.
        two = torch.cat([within(0.42, 0.58, 10), within(0.82, 0.98, 40)])
        hits = torch.cat([share(10, 9), share(40, 24)])
        certain = torch.cat([torch.ones(6, dtype=torch.float64), within(0.62, 0.78, 14)])
        return [
            case("one bin", within(0.6, 0.9, 10), share(10, 4), 1),
            case("sure and unsure, 5 bins", two, hits, 5),
            case("some are certain, 5 bins", certain, torch.cat([share(6, 3), share(14, 12)]), 5),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        given = answer(case["probabilities"], case["y"], case["bins"])
        return {"error": tensor(given, name="calibration_error")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        p, y, bins = case["probabilities"], case["y"], case["bins"]
        if outputs["error"].isnan():
            raise Wrong("it is nan: an empty bin has no mean; give it no weight")
        close(
            outputs["error"].double(),
            calibration_error(p, y, bins),
            what="the error",
            mistaken=usual_errors(p, y, bins),
        )


def usual_errors(p: Tensor, y: Tensor, bins: int) -> list[tuple[str, Tensor]]:
    """What the expected calibration error is with each of the usual mistakes."""
    curve = metrics.reliability(p, y, bins=bins)
    gap = curve.accuracy - curve.confidence
    confidence, chosen = p.max(1)
    index = (confidence * bins).long()
    lost = torch.tensor(0.0, dtype=torch.float64)
    for b in range(bins):
        there = index == b
        if bool(there.any()):
            lost += (there.double().mean()) * ((chosen == y)[there].double().mean() - confidence[there].mean()).abs()
    truth = p.gather(1, y[:, None])[:, 0]
    return [
        ("the gaps are not weighted: a bin counts by its share of the samples", gap.abs().nanmean()),
        ("the gaps are added up without weights: a bin counts by its share", gap.abs().nansum()),
        ("a gap of one sign cancels another: take its absolute value in every bin", (curve.share * gap).nansum()),
        ("a gap of one sign cancels another: take its absolute value in every bin", -(curve.share * gap).nansum()),
        (
            "this is the gap of all samples together: compare within every bin",
            ((chosen == y).double().mean() - confidence.mean()).abs(),
        ),
        ("the gaps are squared: take their absolute values", (curve.share * gap.square()).nansum()),
        ("samples with a confidence of exactly 1 are in no bin: they belong to the last one", lost),
        (
            "confidence is the largest probability, not that of the true class",
            ((chosen == y).double().mean() - truth.mean()).abs(),
        ),
        ("this is the mean distance of confidence and right or wrong, sample by sample",
         ((chosen == y).double() - confidence).abs().mean()),
    ]  # fmt: skip


CHECKS = (Surest(), Move(), CalibrationError(), Alpha(), FixMatch(), Follow())
