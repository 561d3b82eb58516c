"""Topic ``selftrain``: the cases on which the answers of exercise 03 are tried."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.checks.protocol import Case, Compare, Outputs, Wrong
from labkit.checks.values import array, describe, is_array, is_tensor


class Surest(Compare):
    """The surest pseudo-labels of each class."""

    key = "selftrain.surest"
    points = 2
    returns = "the indices"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One of each of two classes; several; too few members; class numbers with gaps; equal confidences; float64."""

        def case(name: str, y: Tensor, q: int, dtype: torch.dtype = torch.float32) -> Case:
            order = torch.randperm(len(y), generator=g)
            # Class after class the model is surer: the last class alone would fill the q highest.
            c = 0.2 + 0.5 * y / y.max() + 0.09 * torch.rand(len(y), generator=g)
            return {"case": name, "c": c.to(dtype)[order], "yu": y[order], "q": q}

        def classes(*counts: int) -> Tensor:
            return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))

        yield case("the surest of each of two classes", classes(3, 3), 1)
        yield case("three of each of five classes", classes(8, 9, 7, 12, 10), 3)
        yield case("a class with two members, q = 4", classes(9, 2, 8), 4)
        yield case("classes 1, 4 and 6 alone", torch.tensor([1, 4, 6]).repeat(6), 2)
        equal = case("equal confidences", torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2, 2]), 2)
        sure = torch.tensor([[0.9, 0.9, 0.6, 0.5], [0.6, 0.5, 0.4, 0.0], [1.0, 0.9, 0.0, 0.0]])
        rank = torch.stack([(equal["yu"][:i] == k).sum() for i, k in enumerate(equal["yu"])])
        yield equal | {"c": sure[equal["yu"], rank]}
        yield case("one class, q = 9", torch.full((5,), 3), 9)
        yield case("float64", classes(5, 6), 2, torch.float64)

    def outputs(self, result: Any) -> Outputs:
        """The indices in rising order: any order is right."""
        h = super().outputs(result)[self.returns]
        if not is_array(h):
            return {self.returns: h}
        if array(h).dtype.kind not in "iu" or h.ndim != 1:
            raise Wrong(f"expected indices: whole numbers of shape (m,); {describe(h)} was returned")
        return {self.returns: torch.as_tensor(h).long().sort().values}


class Move(Compare):
    """One round's move from X_u to X."""

    key = "selftrain.move"
    points = 2
    returns = ("X", "y", "Xu")
    no_gradients = "examples are moved, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One example of three; several in falling order of confidence; images; nothing left; nothing moved."""

        def case(name: str, n: int, u: int, h: list[int], *shape: int, dtype: torch.dtype = torch.float32) -> Case:
            return {
                "case": name,
                "X": torch.rand(n, *shape, generator=g, dtype=dtype),
                "y": torch.randint(0, 5, (n,), generator=g),
                "Xu": torch.rand(u, *shape, generator=g, dtype=dtype),
                # All different: which label belongs to which example can be seen.
                "yu": torch.randperm(u, generator=g),
                "h": torch.tensor(h, dtype=torch.int64),
            }

        yield case("one example of three", 2, 3, [1], 2)
        yield case("four of seven, the surest first", 3, 7, [5, 0, 6, 2], 2)
        yield case("images", 2, 5, [4, 1], 1, 4, 3, dtype=torch.float64)
        yield case("everything is moved", 2, 3, [2, 0, 1], 2)
        yield case("nothing is moved", 2, 3, [], 2)

    def outputs(self, result: Any) -> Outputs:
        """The examples in a fixed order: any order of the answer is right."""
        outputs = super().outputs(result)
        orders = {name: v.reshape(len(v), -1)[:, 0].argsort() for name, v in outputs.items()
                  if name != "y" and is_tensor(v) and v.ndim and v.numel()}  # fmt: skip
        if "X" in orders and is_tensor(outputs["y"]) and outputs["y"].shape == orders["X"].shape:
            orders["y"] = orders["X"]
        return outputs | {name: outputs[name][order] for name, order in orders.items()}


class CalibrationError(Compare):
    """Is the model right as often as it is sure?"""

    key = "selftrain.calibration_error"
    points = 2
    returns = "the error"
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """One bin; empty bins, too sure in one and not enough in another; confidences of exactly 1 and on edges."""

        def case(name: str, confidence: Tensor, right: list[tuple[int, int]], bins: int, k: int = 4) -> Case:
            """A case; ``right`` lists (samples, right samples) for consecutive blocks of ``confidence``."""
            n = len(confidence)
            chosen = torch.randint(0, k, (n,), generator=g)
            p = ((1 - confidence) / (k - 1))[:, None].expand(n, k).clone()
            p[torch.arange(n), chosen] = confidence
            hits = torch.cat([torch.arange(total) < count for total, count in right])
            order = torch.randperm(n, generator=g)
            y = torch.where(hits, chosen, (chosen + 1) % k)
            return {"case": name, "probabilities": p[order], "y": y[order], "bins": bins}

        def within(low: float, high: float, n: int) -> Tensor:
            return low + (high - low) * torch.rand(n, generator=g, dtype=torch.float64)

        # Kept clear of the edges of bins, which rounding could move across, or exactly on them.
        yield case("one bin", within(0.6, 0.9, 10), [(10, 4)], 1)
        yield case("sure and unsure, 5 bins", torch.cat([within(0.42, 0.58, 10), within(0.82, 0.98, 40)]),
                   [(10, 9), (40, 24)], 5)  # fmt: skip
        surer = torch.cat([within(0.62, 0.68, 6), within(0.72, 0.78, 6)])
        yield case("one bin in which the surer ones are wrong, 5 bins", surer, [(6, 6), (6, 0)], 5)
        certain = torch.cat([torch.ones(6, dtype=torch.float64), within(0.62, 0.78, 14)])
        yield case("some are certain, 5 bins", certain, [(6, 3), (14, 12)], 5)
        edges = torch.tensor([0.5, 0.75, 1.0], dtype=torch.float64).repeat_interleave(4)
        edges = torch.cat([edges, within(0.55, 0.7, 5), within(0.8, 0.95, 5)])
        yield case("on the edges of 4 bins", edges, [(4, 4), (4, 2), (4, 4), (5, 5), (5, 1)], 4)
        yield case("float32, ten classes, 20 bins", within(0.61, 0.64, 9).float(), [(9, 3)], 20, k=10)


class Alpha(Compare):
    """Lee's ramp."""

    key = "selftrain.alpha"
    points = 2
    returns = "the weight"
    no_gradients = "a weight is set by the clock, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One time on the ramp; the paper's numbers; before, on, after; a ramp that begins at 0; float64."""
        low, high = (float(v) for v in torch.rand(2, generator=g) * 20 + torch.tensor([10.0, 60.0]))
        around = torch.tensor([high + 1, 0.0, low - 5, low, low + 1, (low + high) / 2, -3.0, high - 1, high, 500])

        def case(name: str, t: Tensor, T1: float, T2: float, final: float) -> Case:
            return {"case": name, "t": t, "T1": T1, "T2": T2, "final": final}

        yield case("on the ramp", torch.tensor([(2 * low + high) / 3]), low, high, 2.0)
        yield case("the paper's numbers", torch.tensor([0.0, 100, 350, 600, 1000]), 100.0, 600.0, 3.0)
        yield case("before, on and after", around, low, high, 1.5)
        yield case("from 0 on", around, 0.0, low, 4.0)
        yield case("float64", around.double(), low, high, 0.7)


class FixMatch(Compare):
    """FixMatch's loss: the weak view teaches the strong view."""

    key = "selftrain.fixmatch"
    points = 3
    returns = "the loss"
    number = True
    gradients = ("weak", "strong")
    atol = 1e-6

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two sure of four; thresholds high and low; one sample; nobody sure; a confidence of exactly tau; float64."""

        def case(name: str, sure: list[float], tau: float, k: int = 5, dtype: torch.dtype = torch.float32) -> Case:
            n = len(sure)
            rest = 0.8 + 0.4 * torch.rand(n, k, generator=g, dtype=torch.float64)
            likely = torch.randint(0, k, (n,), generator=g)
            rest[torch.arange(n), likely] = 0
            c = torch.tensor(sure, dtype=torch.float64)[:, None]
            p = (1 - c) * rest / rest.sum(1, keepdim=True)
            p[torch.arange(n), likely] = c[:, 0]
            # A shift changes no probability; only who compares logits with tau takes them for others.
            weak = p.log() + 6 * torch.rand(n, 1, generator=g, dtype=torch.float64)
            strong = 0.7 * torch.randn(n, k, generator=g, dtype=torch.float64)
            strong[1::3, 0] += 6  # sure, whether the weak view is or not
            return {"case": name, "weak": weak.to(dtype), "strong": strong.to(dtype), "tau": tau}

        def drawn(n: int, tau: float) -> list[float]:
            """Confidences on both sides of tau, none near it."""
            u = torch.rand(n, generator=g)
            below, above = 0.35 + (tau - 0.4) * u, tau + 0.02 + (0.96 - tau) * u
            return torch.where(torch.arange(n) % 5 < 2, above, below).tolist()

        yield case("two sure of four", [0.97, 0.6, 0.93, 0.86], 0.9)
        yield case("a batch of twenty", drawn(20, 0.6), 0.6)
        yield case("one sample", [0.97], 0.95)
        yield case("a low threshold", [0.45, 0.55, 0.7], 0.5, k=4)
        yield case("nobody is sure", [0.5, 0.6, 0.85], 0.9)
        certain = case("one confidence of exactly tau = 1", [0.9, 0.9, 0.95], 1.0)
        certain["weak"][1] = torch.tensor([0.0, 0.0, 40.0, 0.0, 0.0])
        yield certain
        yield case("float64", drawn(5, 0.8), 0.8, k=3, dtype=torch.float64)


class Follow(Compare):
    """The teacher's weights follow the student's as a moving average."""

    key = "selftrain.ema_update"
    points = 1
    returns = "the new weights"
    no_gradients = "an average is taken between steps, not differentiated"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One weight; a small network's; decays of 0 and 1; float64."""

        def case(name: str, decay: float, *shapes: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Case:
            teacher, student = (
                [1 + torch.rand(shape, generator=g, dtype=dtype) for shape in shapes] for _ in range(2)
            )  # fmt: skip
            return {"case": name, "teacher": teacher, "student": student, "decay": decay}

        yield case("one weight", 0.9, (1,))
        yield case("two layers", 0.99, (3, 2), (3,), (2, 3))
        yield case("decay 0", 0.0, (2, 2))
        yield case("decay 1", 1.0, (2, 2), (2,))
        yield case("float64", 0.8, (4,), (2, 2), dtype=torch.float64)

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; report whether it returns new tensors."""
        outputs = super().run(answer, case)
        given = {part.data_ptr() for part in (*case["teacher"], *case["student"])}
        weights = outputs[self.returns]
        new = weights if isinstance(weights, list | tuple) else [weights]
        return outputs | {"shared": any(is_tensor(part) and part.data_ptr() in given for part in new)}


CHECKS = (Surest(), Move(), CalibrationError(), Alpha(), FixMatch(), Follow())
