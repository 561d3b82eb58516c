"""The second layer, for time: transforms that read the series elsewhere, so that masks and events move."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Span, probability, span_field
from labkit.augment.series import resampling, timing
from labkit.augment.series._args import series
from labkit.augment.series.transforms import SeriesTransform, check_knots, not_negative
from labkit.augment.transform import Params
from labkit.draws import normal, uniform


class _Timing(SeriesTransform):
    """A transform that reads the series at other places: masks and events follow its positions."""

    def positions(self, x: Tensor, params: Params) -> Tensor:
        """Where each step of the result is read, (B, S)."""
        raise NotImplementedError

    def apply(self, x: Any, params: Params) -> Tensor:
        """The series at the positions."""
        return timing.interpolate(x, positions=self.positions(x, params))

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask at the nearest steps."""
        return timing.nearest(mask, positions=self.positions(x, params))

    def apply_times(self, times: Tensor, x: Tensor, params: Params) -> Tensor:
        """When the events happen afterwards; outside of what is shown, before 0 or after the last step."""
        return timing.move_times(times, positions=self.positions(x, params))


class _Shuffle(SeriesTransform):
    """A transform that puts whole steps elsewhere."""

    def index(self, x: Tensor, params: Params) -> Tensor:
        """Which step each step of the result shows, (B, T)."""
        raise NotImplementedError

    def apply(self, x: Any, params: Params) -> Tensor:
        """The steps in their new order."""
        return x.gather(2, self.index(series(x), params)[:, None].expand_as(x))

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask in the same order."""
        index = self.index(x, params)
        return mask.gather(-1, index if mask.ndim == 2 else index[:, None].expand_as(mask))

    def apply_times(self, times: Tensor, x: Tensor, params: Params) -> Tensor:
        """When the events happen afterwards."""
        return timing.move_times_by_index(times, index=self.index(x, params))


@dataclass(frozen=True)
class TimeWarp(_Timing):
    """Speeds ``exp N(0, sigma²)`` at ``knots`` moments and a spline between them; one map for all channels."""

    sigma: float = 0.2
    knots: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        not_negative(self.sigma, "sigma")
        check_knots(self.knots)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``log_speed`` (B, K)."""
        return {"log_speed": self.sigma * normal((len(series(x)), self.knots), like=x, generator=generator)}

    def positions(self, x: Tensor, params: Params) -> Tensor:
        """See ``warp_positions``."""
        return timing.warp_positions(params["log_speed"], steps=series(x, steps=2).shape[2])


@dataclass(frozen=True)
class WindowSlice(_Timing):
    """A window with a share from ``share`` of all steps, anywhere, stretched to the whole."""

    share: Span = span_field((0.9, 0.9), low=0.0, high=1.0)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``length`` and ``start``, (B,) each, in steps and not whole."""
        t = series(x).shape[2]
        length = (t * super().make_params(x, generator=generator)["share"]).clamp(min=1)
        return {"length": length, "start": uniform((len(x),), like=x, generator=generator) * (t - length)}

    def positions(self, x: Tensor, params: Params) -> Tensor:
        """See ``window_slice``."""
        return timing.slice_positions(x, **params)


@dataclass(frozen=True)
class WindowWarp(_Timing):
    """A window of ``share`` of all steps lasts a factor from ``factors`` times as long."""

    share: float = 0.1
    factors: tuple[float, ...] = (0.5, 2.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.share, name="share")
        if not self.factors or min(self.factors) <= 0:
            raise ValueError(f"factors are {self.factors}; expected numbers above 0")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``start``, ``length`` and ``factor``, (B,) each."""
        t = series(x).shape[2]
        length = torch.full((len(x),), self.share * t, device=x.device)
        start = uniform((len(x),), like=x, generator=generator) * (t - 1 - length).clamp(min=0)
        which = (uniform((len(x),), like=x, generator=generator) * len(self.factors)).long()
        factors = torch.tensor(self.factors, device=x.device)
        return {"start": start, "length": length, "factor": factors[which.clamp(max=len(self.factors) - 1)]}

    def positions(self, x: Tensor, params: Params) -> Tensor:
        """See ``window_warp``."""
        return timing.window_warp_positions(x, **params)


@dataclass(frozen=True)
class Roll(_Shuffle):
    """Turned in a circle by up to ``share`` of the series, either way: the times of events are lost."""

    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.share, name="share")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``steps`` (B,), whole."""
        most = self.share * series(x).shape[2]
        return {"steps": uniform((len(x),), -most, most, like=x, generator=generator).round().long()}

    def index(self, x: Tensor, params: Params) -> Tensor:
        """See ``roll``."""
        return timing.roll_index(x, steps=params["steps"])


@dataclass(frozen=True)
class Permute(_Shuffle):
    """Cut into ``segments`` pieces that change places: the order of events is lost."""

    segments: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.segments < 1:
            raise ValueError(f"segments is {self.segments}; expected at least 1")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``order`` (B, K)."""
        return {"order": uniform((len(series(x)), self.segments), like=x, generator=generator).argsort(1)}

    def index(self, x: Tensor, params: Params) -> Tensor:
        """See ``permute``."""
        return timing.permute_index(x, order=params["order"])


@dataclass(frozen=True)
class Resample(SeriesTransform):
    """``size`` steps for the same time, filtered first; nothing is drawn."""

    size: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size < 1:
            raise ValueError(f"size is {self.size}; expected at least 1 step")

    @property
    def new_size(self) -> int:
        """The number of steps."""
        return self.size

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """Nothing."""
        return {}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``resample``."""
        return resampling.resample(x, size=self.size)

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask at the nearest steps."""
        at = torch.arange(self.size, device=mask.device) * mask.shape[-1] / self.size
        return timing.nearest(mask, positions=at.expand(len(mask), self.size))

    def apply_times(self, times: Tensor, x: Tensor, params: Params) -> Tensor:
        """The times in the new steps."""
        return times * self.size / x.shape[2]
