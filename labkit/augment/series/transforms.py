"""The second layer: what draws parameters for a batch of series, one draw an item, and moves what belongs to it.

``mask`` (B, T) or (B, K, T): a label for each step. ``times`` (B, N): the steps at which something happens, floats.
``y``: the items' labels, which stay. *Whether* a label stays true is for you to judge: a rotation forgets which way is
down, a roll forgets when, and a stretch changes a cadence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Span, describe, member, probability, span_field
from labkit.augment.series import anomalies, values
from labkit.augment.series._args import series
from labkit.augment.transform import Params, Transform
from labkit.draws import chance, normal, uniform


class SeriesTransform(Transform):
    """A transform of series (B, C, T). Unless a subclass says otherwise, it leaves time, masks and events alone."""

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """One uniform number an item and span, (B,) each."""
        return super().make_params(series(x), generator=generator)

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask itself."""
        return mask

    def apply_times(self, times: Tensor, x: Tensor, params: Params) -> Tensor:
        """The times themselves."""
        return times

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse annotations that don't fit the series.

        Raises:
            ValueError: saying which shape was expected.
        """
        b, _, t = series(x).shape
        mask, times = annotations.get("mask"), annotations.get("times")
        if mask is not None and not (
            isinstance(mask, Tensor) and mask.ndim in (2, 3) and len(mask) == b and mask.shape[-1] == t
        ):
            raise ValueError(f"a mask is a tensor ({b}, {t}) or ({b}, K, {t}); this is {describe(mask)}")
        if times is not None and not (
            isinstance(times, Tensor) and times.ndim == 2 and len(times) == b and times.is_floating_point()
        ):
            raise ValueError(f"times are a float tensor ({b}, N), in steps; these are {describe(times)}")
        super().examine(x, annotations)


@dataclass(frozen=True)
class Jitter(SeriesTransform):
    """Noise with a deviation from ``sigma``, in units of each channel's ``unit`` (1 where it is None).

    Hand in ``unit=tuple(channel_std(train).tolist())`` unless the series are standardised.
    """

    sigma: Span = span_field((0.0, 0.05), low=0.0)
    unit: tuple[float, ...] | None = None

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``sigma`` (B,) and ``noise`` (B, C, T)."""
        return {**super().make_params(x, generator=generator), "noise": normal(x.shape, like=x, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``jitter``."""
        unit = None if self.unit is None else torch.tensor(self.unit)
        return values.jitter(x, sigma=params["sigma"], unit=unit, noise=params["noise"])


@dataclass(frozen=True)
class Scale(SeriesTransform):
    """A factor of 1 + N(0, ``sigma``²): one a series, or one a channel."""

    sigma: float = 0.1
    per_channel: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        not_negative(self.sigma, "sigma")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``factor``, (B,) or (B, C)."""
        shape = series(x).shape[: 2 if self.per_channel else 1]
        return {"factor": 1 + self.sigma * normal(shape, like=x, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``scale``."""
        return values.scale(x, factor=params["factor"])


@dataclass(frozen=True)
class MagnitudeWarp(SeriesTransform):
    """A gain that drifts: a spline through ``knots`` factors of 1 + N(0, ``sigma``²), alike for all channels."""

    sigma: float = 0.2
    knots: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        not_negative(self.sigma, "sigma")
        check_knots(self.knots)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``factors`` (B, K)."""
        return {"factors": 1 + self.sigma * normal((len(series(x)), self.knots), like=x, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``magnitude_warp``."""
        return values.magnitude_warp(x, **params)


@dataclass(frozen=True)
class Rotate(SeriesTransform):
    """Each triple of channels turned by an angle from ``degrees`` about an axis in any direction."""

    degrees: Span = span_field(180.0)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``degrees`` (B,) and ``axis`` (B, 3), of length 1."""
        params = super().make_params(x, generator=generator)
        axis = normal((len(x), 3), like=x, generator=generator)
        return {**params, "axis": torch.nn.functional.normalize(axis)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``rotate``."""
        turn = params["axis"] * torch.deg2rad(params["degrees"])[:, None]
        return values.rotate(x, matrix=values.rotation_matrix(turn))


@dataclass(frozen=True)
class DropSteps(SeriesTransform):
    """Each step is lost with a probability from ``p``, in all channels; see ``drop_steps`` for ``fill``."""

    p: Span = span_field((0.0, 0.1), low=0.0, high=1.0)
    fill: str = "hold"

    def __post_init__(self) -> None:
        super().__post_init__()
        member(self.fill, values.FILLS, name="fill")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``drop`` (B, T)."""
        p = super().make_params(x, generator=generator)["p"]
        return {"drop": uniform((len(x), x.shape[2]), like=x, generator=generator) < p[:, None]}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``drop_steps``."""
        return values.drop_steps(x, drop=params["drop"], fill=self.fill)


@dataclass(frozen=True)
class DropChannels(SeriesTransform):
    """Each channel is silent with probability ``p``; one of them always stays."""

    p: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.p)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``drop`` (B, C)."""
        u = uniform(series(x).shape[:2], like=x, generator=generator)
        return {"drop": (u < self.p) & (u < u.amax(1, keepdim=True))}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``drop_channels``."""
        return values.drop_channels(x, **params)


@dataclass(frozen=True)
class InjectAnomaly(SeriesTransform):
    """One anomaly a series, of one of ``kinds``; the mask (B, T) gets True where it is.

    Each hits one channel. ``strength`` is in local deviations, up or down; ``length`` a share of the series.
    """

    kinds: tuple[str, ...] = ("spike", "level", "trend", "stuck", "gap", "noise")
    strength: Span = span_field((3.0, 8.0), low=0.0)
    length: Span = span_field((0.05, 0.2), low=0.0, high=1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.kinds:
            raise ValueError("there are no kinds; expected at least one")
        for kind in self.kinds:
            member(kind, anomalies.KINDS, name="kinds")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``kind``, ``start``, ``length``, ``strength`` (B,), ``channels`` (B, C) and ``noise`` (B, C, T)."""
        drawn = super().make_params(x, generator=generator)
        b, c, t = x.shape
        which, where, channel = uniform((3, b), like=x, generator=generator)
        codes = torch.tensor([anomalies.KINDS.index(kind) for kind in self.kinds], device=x.device)
        length = (drawn["length"] * t).round().long().clamp(1, t)
        start = (where * (t - length + 1)).long().clamp(max=t - 1)
        hit = torch.nn.functional.one_hot((channel * c).long().clamp(max=c - 1), c).bool()
        up = chance(0.5, x, generator=generator)
        return {
            "kind": codes[(which * len(codes)).long().clamp(max=len(codes) - 1)],
            "start": start,
            "length": length,
            "strength": torch.where(up, drawn["strength"], -drawn["strength"]),
            "channels": hit,
            "noise": normal(x.shape, like=x, generator=generator),
        }

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``inject``."""
        return anomalies.inject(x, **params).x

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask, and True where the anomaly is."""
        if mask.dtype != torch.bool or mask.ndim != 2:
            raise ValueError(f"the mask of anomalies is bool (B, T); this is {describe(mask)}")
        return mask | anomalies.inject(x, **params).mask


def not_negative(value: float, name: str) -> None:
    """Refuse a deviation below 0."""
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} is {value}; expected a number not below 0")


def check_knots(knots: int) -> None:
    """Refuse a curve through fewer than two points."""
    if knots < 2:
        raise ValueError(f"knots is {knots}; expected 2 or more: the first and the last step are knots")
