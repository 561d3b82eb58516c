"""Topic ``series``: the cases on which the answers of exercise 08 are tried.

Series are (B, C, T). The functions get all random values (noise, speeds, starts) as arguments, so that a right answer
is right to the last digit. Some batches have as many items as channels and steps: they reveal an axis that gives wrong
values without an error.
"""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from labkit.checks.protocol import Case, Compare

DATA = "series are changed before a network sees them"
DOUBLE = torch.float64


def waves(g: Generator, b: int, c: int, t: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Series with an offset that differs from channel to channel, so that no two numbers are alike."""
    offset = 3 * torch.randn(1, c, 1, generator=g, dtype=dtype)
    return offset + torch.randn(b, c, t, generator=g, dtype=dtype)


class Jitter(Compare):
    """Noise in units of each channel."""

    key = "series.jitter"
    points = 2
    returns = "the noisy series"
    no_gradients = DATA
    atol = 1e-6

    def cases(self, g: Generator) -> Iterator[Case]:
        """One series; several; as many items as channels and steps; one channel; float64."""

        def case(name: str, b: int, c: int, t: int, dtype: torch.dtype = torch.float32) -> Case:
            sigma = 0.1 + torch.rand(b, generator=g, dtype=dtype)
            unit = 0.5 + 20 * torch.rand(c, generator=g, dtype=dtype)
            noise = torch.randn(b, c, t, generator=g, dtype=dtype)
            return {"case": name, "x": waves(g, b, c, t, dtype), "sigma": sigma, "unit": unit, "noise": noise}

        yield case("one series", 1, 3, 5)
        yield case("four series", 4, 2, 6)
        yield case("as many series as channels and steps", 3, 3, 3)
        yield case("one channel", 3, 1, 4)
        yield case("float64", 2, 4, 7, DOUBLE)


class WarpPositions(Compare):
    """Turn speeds into a map of time that never runs backwards."""

    key = "series.warp_positions"
    points = 3
    returns = "the positions"
    no_gradients = DATA

    def cases(self, g: Generator) -> Iterator[Case]:
        """Three steps; several series; a constant speed; very different speeds; two steps; float64."""

        def case(name: str, b: int, t: int, spread: float, dtype: torch.dtype = torch.float32) -> Case:
            return {"case": name, "speed": (spread * torch.randn(b, t, generator=g, dtype=dtype)).exp()}

        yield case("one series of three steps", 1, 3, 0.7)
        yield case("four series", 4, 9, 0.5)
        constant = 0.3 + torch.rand(2, 1, generator=g)
        yield {"case": "a constant speed each", "speed": constant.expand(2, 6).clone()}
        yield case("as many series as steps", 5, 5, 1.0)
        yield case("speeds that differ much", 2, 12, 2.0, DOUBLE)
        yield case("two steps, float64", 3, 2, 0.8, DOUBLE)


class WindowSlice(Compare):
    """Stretch a window to the whole length, with its labels."""

    key = "series.window_slice"
    points = 3
    returns = ("the stretched series", "the moved mask")
    no_gradients = DATA

    def cases(self, g: Generator) -> Iterator[Case]:
        """A window at the beginning, at the end, elsewhere; the whole; float64; labels of several kinds.

        T is even, so that no position lies in the middle between two steps.
        """

        def case(name: str, c: int, t: int, start: list[int], length: int, dtype: torch.dtype = torch.float32) -> Case:
            b = len(start)
            mask = torch.randint(4, (b, t), generator=g)
            return {"case": name, "x": waves(g, b, c, t, dtype), "mask": mask, "start": torch.tensor(start),
                    "length": length}  # fmt: skip

        yield case("a window at the beginning", 1, 6, [0], 4)
        yield case("three windows", 2, 12, [0, 3, 5], 7)
        yield case("as many series as channels", 3, 8, [4, 1, 2], 3)
        whole = case("the whole series", 2, 10, [0, 0], 10)
        yield whole
        yield case("windows at the end, float64", 1, 20, [8, 7], 12, DOUBLE)
        true = case("a mask of True and False", 2, 14, [2, 6, 1, 0], 8)
        yield true | {"mask": true["mask"] > 1}


class Decimate(Compare):
    """Keep every k-th step, after a filter."""

    key = "series.decimate"
    points = 2
    returns = "the shorter series"
    no_gradients = DATA

    def cases(self, g: Generator) -> Iterator[Case]:
        """One channel; several; a length that the factor doesn't divide; a factor of 1; one tap; float64."""

        def case(name: str, shape: tuple[int, int, int], factor: int, taps: int,
                 dtype: torch.dtype = torch.float32) -> Case:  # fmt: skip
            half = torch.rand(taps // 2 + 1, generator=g, dtype=dtype) + 0.2
            kernel = torch.cat([half, half[:-1].flip(0)])
            return {"case": name, "x": waves(g, *shape, dtype), "factor": factor, "kernel": kernel / kernel.sum()}

        yield case("one channel", (1, 1, 8), 2, 3)
        yield case("three series of two channels", (3, 2, 15), 3, 5)
        yield case("a length that the factor does not divide", (2, 3, 11), 4, 7)
        yield case("every step", (2, 2, 9), 1, 5)
        yield case("as many channels as taps, float64", (3, 5, 16), 2, 5, DOUBLE)
        yield case("a kernel of one tap", (2, 1, 10), 3, 1)


class Inject(Compare):
    """Insert three kinds of anomaly, and mark where they are."""

    key = "series.inject"
    points = 3
    returns = ("the series with an anomaly", "the mask")
    no_gradients = DATA

    def cases(self, g: Generator) -> Iterator[Case]:
        """Each kind on one series, then on several with other windows, at the ends, one step, downward, float64."""

        def case(name: str, kind: str, start: list[int], length: int, strength: float, c: int = 2, t: int = 12,
                 dtype: torch.dtype = torch.float32) -> Case:  # fmt: skip
            b = len(start)
            size = (0.1 + 5 * torch.rand(b, c, 1, generator=g)).to(dtype)
            x = 2 * size + size * torch.randn(b, c, t, generator=g, dtype=dtype)
            return {"case": name, "x": x, "kind": kind, "start": torch.tensor(start), "length": length,
                    "strength": strength}  # fmt: skip

        yield case("level, one series", "level", [4], 3, 4.0)
        yield case("stuck, one series", "stuck", [5], 4, 3.0)
        yield case("trend, one series", "trend", [2], 5, 6.0)
        yield case("level, several windows", "level", [0, 3, 8, 5], 4, -2.5, 1)
        yield case("stuck, several windows", "stuck", [0, 7, 2], 5, 2.0, 3)
        yield case("trend, several windows, float64", "trend", [6, 0, 1], 6, -5.0, 3, dtype=DOUBLE)
        yield case("level, one step, float64", "level", [11, 0], 1, 8.0, 2, dtype=DOUBLE)
        yield case("as many series as channels and steps", "level", [1, 0, 2], 2, 1.5, 3, 3 + 1)


class PointAdjust(Compare):
    """Point adjustment, which makes a detector look better than it is."""

    key = "series.point_adjust"
    points = 2
    returns = "the adjusted prediction"
    no_gradients = "truth values have no gradient"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One run that is touched, one that is not; runs at both ends; nothing predicted; nothing true; many."""

        def case(name: str, truth: list[str], said: list[str]) -> Case:
            read = lambda rows: torch.tensor([[letter == "1" for letter in row] for row in rows])  # noqa: E731
            return {"case": name, "predicted": read(said), "truth": read(truth)}

        yield case("one run is touched, one is not", ["0111001100"], ["1001100000"])
        yield case("runs at the ends of neighbours", ["0000111", "1110000"], ["0000100", "0001000"])
        yield case("the last steps of two runs", ["1110111", "0110110"], ["0010001", "0010000"])
        yield case("nothing predicted", ["0110", "1001"], ["0000", "0000"])
        yield case("nothing true", ["000000"], ["010011"])
        changes = torch.rand(4, 30, generator=g) < 0.3
        truth = changes.cumsum(1) % 2 == 0
        yield {"case": "many runs", "predicted": torch.rand(4, 30, generator=g) < 0.15, "truth": truth}


CHECKS = (Jitter(), WarpPositions(), WindowSlice(), Decimate(), Inject(), PointAdjust())
