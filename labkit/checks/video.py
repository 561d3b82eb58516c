"""Topic ``video``: the cases on which the answers of exercise 07 are tried.

Clips are (B, T, C, H, W). The functions get all random values (rates, lost frames, noise, starts) as arguments, so that
a right answer is right to the last digit. Some batches have as many clips as frames and channels: they reveal an axis
that gives wrong values without an error.
"""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from labkit.checks.protocol import Case, Compare

DATA = "clips are changed before a network sees them"
DOUBLE = torch.float64


def clips(g: Generator, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Clips in which no two values are equal."""
    return torch.rand(*shape, generator=g, dtype=dtype)


class Speed(Compare):
    """Change the speed of a clip and keep its length."""

    key = "video.speed"
    points = 2
    returns = "the clip at another speed"
    no_gradients = DATA

    def cases(self, g: Generator) -> Iterator[Case]:
        """Twice and half as fast; other rates; no change; more clips than frames; float64; one frame."""

        def case(name: str, shape: tuple[int, ...], rate: list[float], dtype: torch.dtype = torch.float32) -> Case:
            return {"case": name, "x": clips(g, len(rate), *shape, dtype=dtype), "rate": torch.tensor(rate)}

        yield case("twice as fast", (6, 1, 2, 3), [2.0])
        yield case("half as fast", (6, 2, 2, 2), [0.5])
        yield case("three rates", (7, 1, 3, 2), [0.75, 1.5, 3.0])
        yield case("no change", (5, 1, 2, 2), [1.0, 1.0])
        yield case("as many clips as frames and channels", (3, 3, 2, 2), [1.5, 0.5, 1.0])
        yield case("slow and very fast, float64", (9, 2, 2, 3), [0.125, 8.0, 1.25, 0.875], DOUBLE)
        yield case("one frame", (1, 2, 2, 2), [0.5, 2.0])


class DropFrames(Compare):
    """Lost frames: the last frame that arrived is shown again."""

    key = "video.drop_frames"
    points = 3
    returns = "the clip without the lost frames"
    no_gradients = DATA

    def cases(self, g: Generator) -> Iterator[Case]:
        """Gaps within, at the end, at the beginning, several in a row; nothing lost; one left; many."""

        def case(name: str, keep: list[str], c: int = 1, dtype: torch.dtype = torch.float32) -> Case:
            table = torch.tensor([[letter == "1" for letter in row] for row in keep])
            return {"case": name, "x": clips(g, *table.shape, c, 2, 3, dtype=dtype), "keep": table}

        yield case("one gap", ["10111"])
        yield case("gaps in a row, and at the end", ["110010", "101100"], 2)
        yield case("the first frames are lost", ["0011", "0101"])
        yield case("nothing is lost", ["1111"], 2)
        yield case("one frame is left", ["00100", "00001", "10000"], 3, DOUBLE)
        yield case("as many clips as frames and channels", ["101", "011", "110"], 3)
        keep = torch.rand(5, 12, generator=g) < 0.4
        keep[:, 7] = True
        yield {"case": "many gaps", "x": clips(g, 5, 12, 2, 2, 2), "keep": keep}


def roll_rows(pictures: Tensor, values: Tensor) -> Tensor:
    """Roll the rows of each picture (N, C, H, W) to the right by its own number of pixels (N,).

    Raises:
        ValueError: if they are no pictures, or there isn't one value for each.
    """
    if pictures.ndim != 4 or values.shape != pictures.shape[:1]:
        shapes = f"{tuple(pictures.shape)} and {tuple(values.shape)}"
        raise ValueError(f"transform takes pictures (N, C, H, W) and values (N,), one a picture; these are {shapes}")
    width = pictures.shape[3]
    index = (torch.arange(width) - values.long()[:, None]) % width
    return pictures.gather(3, index[:, None, None].expand_as(pictures))


class Consistent(Compare):
    """Camera effects are drawn once for each clip, sensor noise is drawn again for each frame."""

    key = "video.consistent"
    points = 3
    returns = "the transformed clips"
    no_gradients = DATA
    atol = 1e-6

    def cases(self, g: Generator) -> Iterator[Case]:
        """One clip; several; as many clips as frames; channels; float64; one frame; without noise."""

        def case(name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32, quiet: bool = False) -> Case:
            b, width = shape[0], shape[-1]
            value = 1 + torch.randperm(width - 1, generator=g)[:b] if b < width else torch.arange(b) % width
            sigma = 0 * torch.rand(b, dtype=dtype) if quiet else 0.1 + torch.rand(b, generator=g, dtype=dtype)
            return {"case": name, "transform": roll_rows, "x": clips(g, *shape, dtype=dtype), "value": value,
                    "sigma": sigma, "noise": torch.randn(*shape, generator=g, dtype=dtype)}  # fmt: skip

        yield case("one clip, without noise", (1, 3, 1, 2, 5), quiet=True)
        yield case("three clips, without noise", (3, 4, 2, 2, 6), quiet=True)
        yield case("one clip", (1, 3, 1, 2, 4))
        yield case("four clips", (4, 2, 3, 3, 7))
        yield case("as many clips as frames and channels", (3, 3, 3, 3, 5))
        yield case("float64", (2, 5, 1, 2, 6), DOUBLE)
        yield case("one frame", (3, 1, 2, 2, 5))


class Relabel(Compare):
    """The label of a clip that is played backwards or mirrored."""

    key = "video.relabel"
    points = 2
    returns = "the new labels"
    no_gradients = "labels have no gradient"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Only backwards; only mirrored; nothing; both at once; all of everything."""
        every, no, yes = torch.arange(8), torch.zeros(8, dtype=torch.bool), torch.ones(8, dtype=torch.bool)

        def case(name: str, reverse: Tensor, mirror: Tensor, y: Tensor = every) -> Case:
            return {"case": name, "y": y.clone(), "reverse": reverse.clone(), "mirror": mirror.clone()}

        yield case("all backwards", yes, no)
        yield case("all in a mirror", no, yes)
        yield case("nothing happens", no, no)
        yield case("both to all", yes, yes)
        y = torch.randint(8, (40,), generator=g)
        yield case("some backwards", torch.rand(40, generator=g) < 0.5, torch.zeros(40, dtype=torch.bool), y)
        yield case("some of each", torch.rand(40, generator=g) < 0.5, torch.rand(40, generator=g) < 0.5, y.flip(0))
        yield case("one clip", yes[:1], yes[:1], every[6:7])


class TemporalCrop(Compare):
    """Cut a part out of a clip, with the times of its events."""

    key = "video.temporal_crop"
    points = 2
    returns = ("the shorter clip", "the moved times")
    no_gradients = DATA

    def cases(self, g: Generator) -> Iterator[Case]:
        """From the beginning, to the end, elsewhere; strides; one frame; as many clips as frames; float64."""

        def case(name: str, t: int, start: list[int], size: int, stride: int, c: int = 1,
                 dtype: torch.dtype = torch.float32) -> Case:  # fmt: skip
            b = len(start)
            return {"case": name, "x": clips(g, b, t, c, 2, 3, dtype=dtype),
                    "times": (t - 1) * torch.rand(b, 3, generator=g), "start": torch.tensor(start), "size": size,
                    "stride": stride}  # fmt: skip

        yield case("one clip, frame by frame", 6, [2], 3, 1)
        yield case("every second frame", 9, [1], 4, 2)
        yield case("three clips", 10, [0, 3, 2], 3, 3, 2)
        yield case("to the last frame, float64", 8, [3, 0], 5, 1, 2, DOUBLE)
        yield case("one frame", 5, [4, 0, 2], 1, 2)
        yield case("as many clips as frames", 3, [1, 0, 1], 2, 1, 3)


class VideoMix(Compare):
    """Paste a block of another clip, and mix the labels by its share."""

    key = "video.videomix"
    points = 3
    returns = ("the mixed clips", "the mixed labels")
    no_gradients = DATA

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two clips; all frames; a span of time; cubes of several sizes; an empty block; the whole clip; float64."""

        def case(
            name: str, shape: tuple[int, ...], blocks: list[list[int]], dtype: torch.dtype = torch.float32
        ) -> Case:
            b = len(blocks)
            y = torch.rand(b, 3, generator=g, dtype=dtype)
            return {"case": name, "x": clips(g, b, *shape, dtype=dtype), "y": y / y.sum(1, keepdim=True),
                    "partner": torch.arange(b).roll(1), "blocks": torch.tensor(blocks)}  # fmt: skip

        yield case("a box in all frames", (3, 1, 4, 5), [[0, 1, 1, 3, 3, 4], [0, 0, 2, 3, 2, 3]])
        yield case("a span of time", (6, 2, 3, 4), [[2, 0, 0, 5, 3, 4], [0, 0, 0, 1, 3, 4], [4, 0, 0, 6, 3, 4]])
        yield case("cubes", (5, 2, 6, 7), [[1, 2, 3, 4, 4, 7], [0, 0, 1, 3, 5, 6], [2, 3, 0, 3, 6, 2]])
        yield case("an empty block and a whole clip", (4, 1, 3, 3), [[1, 1, 1, 1, 2, 2], [0, 0, 0, 4, 3, 3]])
        yield case("as many frames as channels, rows and columns", (3, 3, 3, 3), [[0, 1, 1, 2, 3, 2]] * 3)
        yield case("float64", (4, 2, 5, 3), [[0, 1, 0, 2, 4, 3], [3, 2, 1, 4, 5, 2]], DOUBLE)


CHECKS = (Speed(), DropFrames(), Consistent(), Relabel(), TemporalCrop(), VideoMix())
