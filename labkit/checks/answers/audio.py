"""Topic ``audio``: what is right in exercise 06, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from labkit.augment import audio
from labkit.checks.bank import mistake, mistakes, reference

# ── add_noise ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("audio.add_noise", instead_of=(audio.add_noise, audio.rms))
def add_noise(x: Tensor, noise: Tensor, snr: Tensor) -> Tensor:
    """The sound (B, T) plus the noise at snr (B,) decibels."""
    return audio.add_noise(x, noise, snr=snr)


def loud(v: Tensor) -> Tensor:
    """The root mean square of each item, (B, 1)."""
    return v.square().mean(1, keepdim=True).sqrt()


def rows(v: Tensor) -> Tensor:
    """(B,) as (B, 1)."""
    return v[:, None]


def with_norms(rule: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of the sound, the noise, both loudnesses, and the ratio (B, 1)."""
    return lambda x, noise, snr: rule(x, noise, loud(x), loud(noise), snr[:, None])


def square_only(v: Tensor, like: Tensor) -> Tensor:
    """(B,) along the samples; an error, where there aren't as many."""
    return v.flatten().expand_as(like)


mistakes(
    "audio.add_noise",
    {
        "an amplitude is multiplied by 10^(−SNR/20): 10^(−SNR/10) belongs to powers":
            lambda x, n, a, b, d: x + a / b * 10 ** (-d / 10) * n,
        "the sign of the exponent is wrong: a higher ratio means less noise":
            lambda x, n, a, b, d: x + a / b * 10 ** (d / 20) * n,
        "the noise is not brought to the loudness of the sound: divide by the noise's and multiply by the sound's": (
            lambda x, n, a, b, d: x + 10 ** (-d / 20) * n,
            lambda x, n, a, b, d: x + a * 10 ** (-d / 20) * n,
            lambda x, n, a, b, d: x + 10 ** (-d / 20) / b * n,
        ),
        "the two loudnesses are exchanged: the sound's stands above, the noise's below":
            lambda x, n, a, b, d: x + b / a * 10 ** (-d / 20) * n,
        "powers are compared, and no root is taken: ε multiplies an amplitude": (
            lambda x, n, a, b, d: x + (a / b) ** 2 * 10 ** (-d / 20) * n,
            lambda x, n, a, b, d: x + (a / b) ** 2 * 10 ** (-d / 10) * n,
        ),
        "loudness is measured by the peak: take the root of the mean square":
            lambda x, n, a, b, d: x + rows(x.abs().amax(1)) / rows(n.abs().amax(1)) * 10 ** (-d / 20) * n,
        "loudness is measured by the mean of |x|: take the root of the mean square":
            lambda x, n, a, b, d: x + rows(x.abs().mean(1)) / rows(n.abs().mean(1)) * 10 ** (-d / 20) * n,
        "loudness is measured by the standard deviation, which takes the mean away: take the root of the mean square": (
            lambda x, n, a, b, d: x + x.std(1, keepdim=True) / n.std(1, keepdim=True) * 10 ** (-d / 20) * n,
            lambda x, n, a, b, d:
                x + x.std(1, keepdim=True, correction=0) / n.std(1, keepdim=True, correction=0) * 10 ** (-d / 20) * n,
        ),
        "loudness is that of the whole batch: each item has its own (dim=1)": (
            lambda x, n, a, b, d: x + x.square().mean().sqrt() / n.square().mean().sqrt() * 10 ** (-d / 20) * n,
            lambda x, n, a, b, d: x + x.norm() / n.norm() * 10 ** (-d / 20) * n,
        ),
        "loudness is taken over the batch at each sample: take it over the samples of each item (dim=1)":
            lambda x, n, a, b, d: x + x.norm(dim=0) / n.norm(dim=0) * 10 ** (-d / 20) * n,
        "the loudness of the noise is that of the whole batch: each item has its own":
            lambda x, n, a, b, d: x + a / n.square().mean().sqrt() * 10 ** (-d / 20) * n,
        "the loudness of the sound is that of the whole batch: each item has its own":
            lambda x, n, a, b, d: x + x.square().mean().sqrt() / b * 10 ** (-d / 20) * n,
        "every item gets the ratio of the first: each has its own":
            lambda x, n, a, b, d: x + a / b * 10 ** (-d[:1] / 20) * n,
        "every item gets the mean ratio: each has its own":
            lambda x, n, a, b, d: x + a / b * 10 ** (-d.mean() / 20) * n,
        "factors of items are multiplied along the samples: give them the shape (B, 1)": (
            lambda x, n, a, b, d: x + square_only(a / b * 10 ** (-d / 20), x) * n,
            lambda x, n, a, b, d: x + a / b * square_only(10 ** (-d / 20), x) * n,
        ),
        "only the scaled noise is returned: add it to the sound": lambda x, n, a, b, d: a / b * 10 ** (-d / 20) * n,
        "the noise is taken away instead of added": lambda x, n, a, b, d: x - a / b * 10 ** (-d / 20) * n,
        "the result is cut to [−1, 1]: leave that to others":
            lambda x, n, a, b, d: (x + a / b * 10 ** (-d / 20) * n).clamp(-1, 1),
        "the exponential is that of e: decibels are powers of 10": (
            lambda x, n, a, b, d: x + a / b * torch.exp(-d / 20) * n,
            lambda x, n, a, b, d: x + a / b * torch.exp(-d / 10) * n,
        ),
        "it divides by the ratio in decibels: turn it into a factor first, 10^(−SNR/20)": (
            lambda x, n, a, b, d: x + a / b / d * n,
            lambda x, n, a, b, d: x + a / b / d.sqrt() * n,
        ),
        "the root of 10^(−SNR/20) is taken: it already belongs to amplitudes":
            lambda x, n, a, b, d: x + a / b * 10 ** (-d / 40) * n,
        "the sum is made as loud as the sound was: the sound itself stays as it is":
            lambda x, n, a, b, d: a * (x + a / b * 10 ** (-d / 20) * n) / loud(x + a / b * 10 ** (-d / 20) * n),
        "the noise has its mean taken away first: take it as it is":
            lambda x, n, a, b, d: x + a / loud(n - rows(n.mean(1))) * 10 ** (-d / 20) * (n - rows(n.mean(1))),
        "sound and noise are mixed by weights that add up to 1: the sound keeps its loudness":
            lambda x, n, a, b, d: (x + a / b * 10 ** (-d / 20) * n) / (1 + 10 ** (-d / 20)),
    },
    of=with_norms,
)  # fmt: skip


@mistake("audio.add_noise", "it draws its own noise: add the noise that is handed over, whose loudness you measure")
def draws_noise(x, noise, snr):
    own = torch.linspace(-1, 1, x.shape[1], dtype=x.dtype).expand_as(x)  # what it draws doesn't matter
    return x + loud(x) / loud(own) * 10 ** (-snr[:, None] / 20) * own


# ── shift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("audio.shift", instead_of=(audio.shift,))
def shift(x: Tensor, samples: Tensor) -> Tensor:
    """Each sound (B, T) later by samples (B,), silence elsewhere."""
    return audio.shift(x, samples=samples)


def by_source(rule: Callable[..., Any]) -> Callable[..., Tensor]:
    """An answer that looks up positions, and says which count: a rule of t (1, T), the shift (B, 1) and T."""

    def answer(x, samples):
        size = x.shape[1]
        source, inside = rule(torch.arange(size)[None], samples[:, None], size)
        source, inside = torch.broadcast_tensors(source, torch.as_tensor(inside))
        index = source.clamp(0, size - 1).expand(len(x), -1)
        return torch.where(inside.expand(len(x), -1), x.gather(1, index), torch.zeros_like(x))

    return answer


def within(source: Tensor, size: int) -> Tensor:
    """Whether positions exist."""
    return (source >= 0) & (source < size)


mistakes(
    "audio.shift",
    {
        "what leaves at one end comes in at the other: put silence where nothing was":
            lambda t, s, n: ((t - s) % n, torch.tensor(True)),
        "negative positions are counted from the end, so that the end comes in at the start: put silence there":
            lambda t, s, n: ((t - s).clamp(max=n - 1) % n, (t - s >= -n) & (t - s < n)),
        "it shifts the other way: a positive number means later": lambda t, s, n: (t + s, within(t + s, n)),
        "the first or last sample is repeated where nothing was: put silence there": (
            lambda t, s, n: (t - s, torch.tensor(True)),
            lambda t, s, n: (t - s, t - s >= 0),
            lambda t, s, n: (t - s, t - s < n),
        ),
        "every item is shifted by the number of the first: each has its own":
            lambda t, s, n: (t - s[:1], within(t - s[:1], n)),
        "every item is shifted by the number of the last: each has its own":
            lambda t, s, n: (t - s[-1:], within(t - s[-1:], n)),
        "negative numbers shift later as well: they mean earlier":
            lambda t, s, n: (t - s.abs(), within(t - s.abs(), n)),
        "negative numbers do nothing: they mean earlier":
            lambda t, s, n: (t - s.clamp(min=0), within(t - s.clamp(min=0), n)),
        "positive numbers do nothing: they mean later":
            lambda t, s, n: (t - s.clamp(max=0), within(t - s.clamp(max=0), n)),
        "it shifts by one sample too many": lambda t, s, n: (t - s - 1, within(t - s - 1, n)),
        "it shifts by one sample too few": lambda t, s, n: (t - s + 1, within(t - s + 1, n)),
        "the first sample that arrives is silenced: it is at t = s": lambda t, s, n: (t - s, (t - s > 0) & (t - s < n)),
        "the last sample that stays is silenced": lambda t, s, n: (t - s, (t - s >= 0) & (t - s < n - 1)),
        "samples move, but what was there before stays: put silence where nothing comes from":
            lambda t, s, n: (torch.where(within(t - s, n), t - s, t), torch.tensor(True)),
        "nothing moves: the sound is only silenced where nothing would come from":
            lambda t, s, n: (t + 0 * s, within(t - s, n)),
        "a shift by more than the length is taken modulo the length: then nothing of the sound is left": (
            lambda t, s, n: (t - torch.fmod(s, n), within(t - torch.fmod(s, n), n)),
            lambda t, s, n: (t - s % n * (s > 0) + (-s) % n * (s < 0),
                             within(t - s % n * (s > 0) + (-s) % n * (s < 0), n)),
        ),
        "the sound is played backwards": lambda t, s, n: (n - 1 - t + s, within(n - 1 - t + s, n)),
        "there is silence everywhere": lambda t, s, n: (t - s, torch.tensor(False)),
    },
    of=by_source,
)  # fmt: skip


@mistake("audio.shift", "it shifts along the batch: items stay where they are, and samples move (dim=1)")
def shifts_the_batch(x, samples):
    return torch.stack([x[(i - int(s)) % len(x)] for i, s in enumerate(samples)])


@mistake("audio.shift", "the result is as long as the shift makes it: keep the number of samples")
def grows(x, samples):
    longest = int(samples.abs().max())
    y = x.new_zeros(len(x), x.shape[1] + longest)
    for i, s in enumerate(samples.tolist()):
        y[i, max(s, 0) : max(s, 0) + x.shape[1]] = x[i]
    return y


@mistake("audio.shift", "a shift by 0 gives silence: `x[:, :-0]` is empty")
def zero_is_lost(x, samples):
    return torch.where((samples == 0)[:, None], torch.zeros_like(x), shift(x, samples))


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("audio.speed", instead_of=(audio.speed,))
def speed(x: Tensor, rate: Tensor) -> Tensor:
    """y(t) = x(rate · t), (B, T) along straight lines between samples; silence after the last."""
    size = x.shape[1]
    p = torch.arange(size, dtype=x.dtype) * rate[:, None]
    left = p.floor().long().clamp(max=size - 1)
    share = p - left
    y = (1 - share) * x.gather(1, left) + share * x.gather(1, (left + 1).clamp(max=size - 1))
    return torch.where(p <= size - 1, y, torch.zeros_like(y))


def by_places(rule: Callable[..., Any]) -> Callable[..., Tensor]:
    """An answer that is right but for a rule: of t (1, T), the rates (B, 1) and T, to places and which count."""

    def answer(x, rate):
        size = x.shape[1]
        p, inside = rule(torch.arange(size, dtype=x.dtype)[None], rate[:, None], size)
        return torch.where(inside, at(x, p), torch.zeros_like(x))

    return answer


def at(x: Tensor, p: Tensor, *, turned: bool = False, wrap: bool = False) -> Tensor:
    """The sounds at places (B, T), along straight lines; with ``turned`` the two weights are exchanged."""
    size = x.shape[1]
    left = p.floor().long()
    share = p - left
    share = 1 - share if turned else share
    a, b = ((i % size if wrap else i.clamp(0, size - 1)) for i in (left, left + 1))
    return (1 - share) * x.gather(1, a) + share * x.gather(1, b)


def nearest(x: Tensor, p: Tensor) -> Tensor:
    """The sounds at the nearest place."""
    return x.gather(1, p.long().clamp(0, x.shape[1] - 1))


def looked_up_by(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that asks the right places by another rule."""

    def answer(x, rate):
        p = torch.arange(x.shape[1], dtype=x.dtype) * rate[:, None]
        return torch.where(p <= x.shape[1] - 1, rule(x, p), torch.zeros_like(x))

    return answer


mistakes(
    "audio.speed",
    {
        "the rate is inverted: at rate 2 the sample t comes from 2t": (
            lambda t, r, n: (t / r, t / r <= n - 1),
            lambda t, r, n: (t / r, t / r < n),
            lambda t, r, n: (t / r, t / r > -1),
        ),
        "every item gets the rate of the first: each has its own":
            lambda t, r, n: (t * r[:1] + 0 * r, t * r[:1] + 0 * r <= n - 1),
        "every item gets the mean rate: each has its own":
            lambda t, r, n: (t * r.mean() + 0 * r, t * r.mean() + 0 * r <= n - 1),
        "the last sample is repeated after the sound is over: put silence there":
            lambda t, r, n: (t * r, t * r > -1),
        "the last sample is silenced where it is just reached: rate · t may be T − 1":
            lambda t, r, n: (t * r, t * r < n - 1),
        "the sound is silenced one sample too late: it ends at T − 1": lambda t, r, n: (t * r, t * r < n),
        "the first sample is silenced": lambda t, r, n: (t * r, (t * r <= n - 1) & (t > 0)),
        "it begins one sample too late: counting begins at t = 0": lambda t, r, n: ((t + 1) * r, (t + 1) * r <= n - 1),
        "the middle of the sound stays in place instead of its beginning":
            lambda t, r, n: ((t - (n - 1) / 2) * r + (n - 1) / 2, ((t - (n - 1) / 2) * r).abs() <= (n - 1) / 2),
        "rates below 1 are taken for 1": lambda t, r, n: (t * r.clamp(min=1), t * r.clamp(min=1) <= n - 1),
        "rates above 1 are taken for 1": lambda t, r, n: (t * r.clamp(max=1), t * r.clamp(max=1) <= n - 1),
        "the rate is rounded to a whole number": lambda t, r, n: (t * r.round(), t * r.round() <= n - 1),
        "the whole sound is stretched to the same length, so that nothing changes":
            lambda t, r, n: (t + 0 * r, t + 0 * r > -1),
        "places are shifted by rate instead of multiplied by it": lambda t, r, n: (t + r, t + r <= n - 1),
    },
    of=by_places,
)  # fmt: skip

mistakes(
    "audio.speed",
    {
        "the sample before is taken: go along the straight line between two samples":
            lambda x, p: nearest(x, p.floor()),
        "the sample after is taken: go along the straight line between two samples": lambda x, p: nearest(x, p.ceil()),
        "the nearest sample is taken: go along the straight line between two samples":
            lambda x, p: nearest(x, p.round()),
        "the two neighbours have each other's weight: the nearer one has the larger":
            lambda x, p: at(x, p, turned=True),
        "the mean of both neighbours is taken: weigh them by how near they are":
            lambda x, p: (nearest(x, p.floor()) + nearest(x, p.ceil())) / 2,
        "the second neighbour is missing: add its share": lambda x, p: (1 - (p - p.floor())) * nearest(x, p.floor()),
    },
    of=looked_up_by,
)  # fmt: skip


@mistake("audio.speed", "the sample before is taken: go along the straight line between two samples")
def whole_samples(x, rate):
    p = (torch.arange(x.shape[1], dtype=x.dtype) * rate[:, None]).long()
    return torch.where(p < x.shape[1], nearest(x, p), torch.zeros_like(x))


@mistake(
    "audio.speed",
    "`interpolate` makes a sound of a rounded length, with places at half steps: look up the places rate · t yourself",
)
def by_interpolate(x, rate):
    rows = []
    for row, r in zip(x, rate.tolist()):
        size = max(1, round(len(row) / r))
        y = torch.nn.functional.interpolate(row[None, None], size=size, mode="linear")[0, 0]
        rows.append(torch.nn.functional.pad(y, (0, max(0, len(row) - size)))[: len(row)])
    return torch.stack(rows)


@mistake("audio.speed", "the sound begins again when it is over: put silence there")
def begins_again(x, rate):
    p = torch.arange(x.shape[1], dtype=x.dtype) * rate[:, None]
    return at(x, p, wrap=True)


@mistake("audio.speed", "the rates are multiplied along the samples: give them the shape (B, 1)")
def along_the_samples(x, rate):
    if x.shape[0] != x.shape[1] and len(rate) != 1:
        raise RuntimeError("the shapes don't fit")
    p = (torch.arange(x.shape[1], dtype=x.dtype) * rate).expand_as(x)
    return torch.where(p <= x.shape[1] - 1, at(x, p), torch.zeros_like(x))


@mistake("audio.speed", "the length has changed: the result has as many samples as the sound")
def another_length(x, rate):
    steps = int(x.shape[1] / float(rate[0]))
    p = torch.arange(steps, dtype=x.dtype) * rate[:, None]
    return at(x, p)


# ── vtlp_map ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("audio.vtlp_map", instead_of=(audio.vtlp_map,))
def vtlp_map(f: Tensor, alpha: Tensor, f_hi: float, nyquist: float) -> Tensor:
    """Frequencies (F,) moved by factors (B,): (B, F)."""
    return audio.vtlp_map(f, alpha=alpha, f_hi=f_hi, nyquist=nyquist)


def in_two_lines(rule: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of f (1, F), α (B, 1), F_hi and the highest frequency."""
    return lambda f, alpha, f_hi, nyquist: rule(f[None], alpha[:, None], f_hi, nyquist)


def bent(f: Tensor, a: Tensor, old: Any, new: Any, top: float, *, end: float | None = None) -> Tensor:
    """A straight line from 0 through (old, new), and one from there to (top, end)."""
    end = top if end is None else end
    return torch.where(f <= old, a * f, end - (end - new) / (top - old) * (top - f))


mistakes(
    "audio.vtlp_map",
    {
        "it only multiplies by α: above the bend a second line leads to f′(S/2) = S/2": (
            lambda f, a, h, n: a * f,
            lambda f, a, h, n: (a * f).clamp(max=n),
        ),
        "it divides by α: multiply": lambda f, a, h, n: f / a,
        "it divides by α below the bend: that is the inverse map, which says where frequencies come from":
            lambda f, a, h, n: torch.where(f <= h * a.clamp(max=1), f / a,
                n - (n - h * a.clamp(max=1) / a) / (n - h * a.clamp(max=1)) * (n - f)),
        "the bend is at F_hi: it is at F_hi · min(α, 1) / α": (
            lambda f, a, h, n: torch.where(f <= h, a * f,
                n - (n - h * a.clamp(max=1)) / (n - h * a.clamp(max=1) / a) * (n - f)),
            lambda f, a, h, n: bent(f, a, h, a * h, n),
        ),
        "the bend is at F_hi · min(α, 1): divide by α as well": (
            lambda f, a, h, n: torch.where(f <= h * a.clamp(max=1), a * f,
                n - (n - h * a.clamp(max=1)) / (n - h * a.clamp(max=1) / a) * (n - f)),
            lambda f, a, h, n: bent(f, a, h * a.clamp(max=1), a * h * a.clamp(max=1), n),
            lambda f, a, h, n: bent(f, a, h * a.clamp(max=1), h * a.clamp(max=1), n),
        ),
        "the bend is at F_hi / α for every α: min(α, 1) is missing": (
            lambda f, a, h, n: bent(f, a, h / a, h + 0 * a, n),
            lambda f, a, h, n: torch.where(f <= h / a, a * f,
                n - (n - h * a.clamp(max=1)) / (n - h * a.clamp(max=1) / a) * (n - f)),
        ),
        "it takes max(α, 1) where min(α, 1) is meant":
            lambda f, a, h, n: bent(f, a, h * a.clamp(min=1) / a, h * a.clamp(min=1), n),
        "min(α, 1) is missing in the slope of the second line":
            lambda f, a, h, n: torch.where(f <= h * a.clamp(max=1) / a, a * f, n - (n - h) / (n - h / a) * (n - f)),
        "the slope of the second line is upside down": (
            lambda f, a, h, n: torch.where(f <= h * a.clamp(max=1) / a, a * f,
                n - (n - h * a.clamp(max=1) / a) / (n - h * a.clamp(max=1)) * (n - f)),
        ),
        "the second line has slope 1: frequencies above the bend stay as they are":
            lambda f, a, h, n: torch.where(f <= h * a.clamp(max=1) / a, a * f, f + 0 * a),
        "the second line begins at 0: it is S/2 minus the slope times the distance from S/2":
            lambda f, a, h, n: torch.where(f <= h * a.clamp(max=1) / a, a * f,
                (n - h * a.clamp(max=1)) / (n - h * a.clamp(max=1) / a) * (n - f)),
        "the second line is measured from 0: the factor of the slope is S/2 − f": (
            lambda f, a, h, n: torch.where(f <= h * a.clamp(max=1) / a, a * f,
                n - (n - h * a.clamp(max=1)) / (n - h * a.clamp(max=1) / a) * f),
            lambda f, a, h, n: torch.where(f <= h * a.clamp(max=1) / a, a * f,
                (n - h * a.clamp(max=1)) / (n - h * a.clamp(max=1) / a) * f),
        ),
        "above F_hi frequencies stay as they are: above the bend a second line leads to f′(S/2) = S/2":
            lambda f, a, h, n: torch.where(f < h, a * f, f + 0 * a),
        "S/2 is halved again: `nyquist` is S/2 already":
            lambda f, a, h, n: bent(f, a, h * a.clamp(max=1) / a, h * a.clamp(max=1), n / 2),
        "S/2 is taken for S: `nyquist` is the highest frequency":
            lambda f, a, h, n: bent(f, a, h * a.clamp(max=1) / a, h * a.clamp(max=1), 2 * n),
        "the two lines are exchanged: below the bend a frequency is multiplied by α":
            lambda f, a, h, n: torch.where(f > h * a.clamp(max=1) / a, a * f,
                n - (n - h * a.clamp(max=1)) / (n - h * a.clamp(max=1) / a) * (n - f)),
        "every factor is that of the first: each item has its own":
            lambda f, a, h, n: bent(f, a[:1], h * a[:1].clamp(max=1) / a[:1], h * a[:1].clamp(max=1), n) + 0 * a,
        "the result is turned: it has a row for each factor and a column for each frequency":
            lambda f, a, h, n: bent(f, a, h * a.clamp(max=1) / a, h * a.clamp(max=1), n).T,
        "the frequencies are moved on the mel scale: α is applied in Hz":
            lambda f, a, h, n: mel_moved(f, a, h, n),
        "the frequencies above the bend are cut off there":
            lambda f, a, h, n: torch.minimum(a * f, h * a.clamp(max=1)),
        "all frequencies are moved by the second line":
            lambda f, a, h, n: n - (n - h * a.clamp(max=1)) / (n - h * a.clamp(max=1) / a) * (n - f),
        "factors above 1 are taken for 1": lambda f, a, h, n: bent(f, a.clamp(max=1), h, h * a.clamp(max=1), n),
        "factors below 1 are taken for 1": lambda f, a, h, n: bent(f, a.clamp(min=1), h / a.clamp(min=1), h, n),
        "the frequencies are as shares of the highest: give them in Hz":
            lambda f, a, h, n: bent(f, a, h * a.clamp(max=1) / a, h * a.clamp(max=1), n) / n,
    },
    of=in_two_lines,
)  # fmt: skip


def mel_moved(f: Tensor, a: Tensor, h: float, n: float) -> Tensor:
    """The map on the mel scale."""
    m, top, high = (audio.hz_to_mel(torch.as_tensor(v, dtype=f.dtype)) for v in (f, n, h))
    return audio.mel_to_hz(bent(m, a, high * a.clamp(max=1) / a, high * a.clamp(max=1), float(top)))


@mistake("audio.vtlp_map", "factors and frequencies are taken in pairs: every factor moves every frequency, (B, F)")
def in_pairs(f, alpha, f_hi, nyquist):
    if len(alpha) not in (1, len(f)):
        raise RuntimeError("the shapes don't fit")
    low = alpha.clamp(max=1)
    return bent(f, alpha, f_hi * low / alpha, f_hi * low, nyquist)


# ── spec_mask ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("audio.spec_mask", instead_of=(audio.spec_mask, audio.bands))
def spec_mask(s: Tensor, u: Tensor, freq: int, time: int, lengths: Tensor) -> Tensor:
    """Bands of (B, F, S) set to 0, their widths and starts from uniform numbers u (B, 4)."""
    longest = lengths.clamp(max=time)
    f = (u[:, 0] * (freq + 1)).long()
    f0 = (u[:, 1] * (s.shape[1] - f + 1)).long()
    t = (u[:, 2] * (longest + 1)).long()
    t0 = (u[:, 3] * (lengths - t + 1)).long()
    return audio.spec_mask(
        s, freq_start=f0[:, None], freq_width=f[:, None], time_start=t0[:, None], time_width=t[:, None], fill=0.0,
        lengths=lengths,
    )  # fmt: skip


def hides(rule: Callable[..., Any]) -> Callable[..., Tensor]:
    """An answer that hides what a rule says.

    The rule gets rows (1, F, 1), frames (1, 1, S), the right starts and widths (B, 1, 1), lengths (B, 1, 1), and a
    dictionary of everything that was handed over; it returns what is hidden (B, F, S).
    """

    def answer(s, u, freq, time, lengths):
        longest = lengths.clamp(max=time)
        f = (u[:, 0] * (freq + 1)).long()
        f0 = (u[:, 1] * (s.shape[1] - f + 1)).long()
        t = (u[:, 2] * (longest + 1)).long()
        t0 = (u[:, 3] * (lengths - t + 1)).long()
        row, frame = torch.arange(s.shape[1])[None, :, None], torch.arange(s.shape[2])[None, None]
        given = {"s": s, "u": u, "freq": freq, "time": time, "lengths": lengths}
        column = [v[:, None, None] for v in (f0, f, t0, t, lengths)]
        return torch.where(rule(row, frame, *column, given), torch.zeros_like(s), s)

    return answer


def band(i: Tensor, start: Tensor, width: Tensor) -> Tensor:
    """Whether i lies in start … start + width − 1."""
    return (i >= start) & (i < start + width)


def c(v: Tensor) -> Tensor:
    """(B,) as (B, 1, 1)."""
    return v[:, None, None]


mistakes(
    "audio.spec_mask",
    {
        "only frequencies are hidden: a stretch of time is missing":
            lambda r, k, f0, f, t0, t, n, a: band(r, f0, f) & (k < n),
        "only time is hidden: a band of frequencies is missing":
            lambda r, k, f0, f, t0, t, n, a: band(k, t0, t) & (r >= 0),
        "only the rectangle is hidden where both bands cross: hide each of them in full":
            lambda r, k, f0, f, t0, t, n, a: band(k, t0, t) & band(r, f0, f),
        "the padding is changed: a band of frequencies ends where the item does":
            lambda r, k, f0, f, t0, t, n, a: band(k, t0, t) | band(r, f0, f),
        "what belongs to the bands is kept, and the rest is hidden": (
            lambda r, k, f0, f, t0, t, n, a: ~(band(k, t0, t) | band(r, f0, f)) & (k < n),
            lambda r, k, f0, f, t0, t, n, a: ~((band(k, t0, t) | band(r, f0, f)) & (k < n)),
        ),
        "every item gets the masks of the first: each has its own":
            lambda r, k, f0, f, t0, t, n, a: (band(k, t0[:1], t[:1]) | band(r, f0[:1], f[:1])) & (k < n),
        "bands are one too wide: they end before start + width": (
            lambda r, k, f0, f, t0, t, n, a: (band(k, t0, t + 1) | band(r, f0, f + 1)) & (k < n),
            lambda r, k, f0, f, t0, t, n, a: (band(k, t0, t) | band(r, f0, f + 1)) & (k < n),
            lambda r, k, f0, f, t0, t, n, a: (band(k, t0, t + 1) | band(r, f0, f)) & (k < n),
        ),
        "bands are one too narrow, or begin one too late: they begin at their start": (
            lambda r, k, f0, f, t0, t, n, a: ((k > t0) & (k < t0 + t) | (r > f0) & (r < f0 + f)) & (k < n),
            lambda r, k, f0, f, t0, t, n, a: (band(k, t0, t - 1) | band(r, f0, f - 1)) & (k < n),
            lambda r, k, f0, f, t0, t, n, a: (band(k, t0, t) | band(r, f0, f - 1)) & (k < n),
            lambda r, k, f0, f, t0, t, n, a: (band(k, t0, t - 1) | band(r, f0, f)) & (k < n),
        ),
        "a band is never as wide as F or T: widths are 0 … F, so multiply by F + 1": (
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, f=lambda u, m: u * m, t=lambda u, m: u * m),
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, f=lambda u, m: u * m),
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, t=lambda u, m: u * m),
        ),
        "a band is never empty: widths are 0 … F, and begin at 0": (
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, f=lambda u, m: u * m + 1, t=lambda u, m: u * m + 1),
        ),
        "the largest widths and starts never come: multiply by one more, F + 1 and ν − f + 1": (
            lambda r, k, f0, f, t0, t, n, a:
                other(r, k, a, f=lambda u, m: u * m, t=lambda u, m: u * m,
                      f0=lambda u, m, w: u * (m - w), t0=lambda u, m, w: u * (m - w)),
        ),
        "widths are rounded: cut the decimals off": (
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, f=lambda u, m: (u * m).round(),
                                                   t=lambda u, m: (u * m).round()),
        ),
        "a band may never end at the edge: starts are 0 … ν − f, so multiply by ν − f + 1": (
            lambda r, k, f0, f, t0, t, n, a:
                other(r, k, a, f0=lambda u, m, w: u * (m - w), t0=lambda u, m, w: u * (m - w)),
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, t0=lambda u, m, w: u * (m - w)),
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, f0=lambda u, m, w: u * (m - w)),
        ),
        "starts are drawn over all places, so that bands leave the edge: the last start is ν − f": (
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, f0=lambda u, m, w: u * m, t0=lambda u, m, w: u * m),
            lambda r, k, f0, f, t0, t, n, a:
                other(r, k, a, f0=lambda u, m, w: u * (m + 1), t0=lambda u, m, w: u * (m + 1)),
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, f0=lambda u, m, w: u * m),
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, t0=lambda u, m, w: u * m),
        ),
        "time masks are drawn over the whole batch's length, and may lie in the padding: take the item's length": (
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, length=a["s"].shape[2]),
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, length=a["s"].shape[2], inside=False),
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, place=a["s"].shape[2]),
        ),
        "T is not cut to the item's length: a stretch is at most as long as the item":
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, cut=False),
        "F and T are exchanged": lambda r, k, f0, f, t0, t, n, a: other(r, k, a, most=(a["time"], a["freq"])),
        "the numbers of u are taken in another order: width and start in frequency, then width and start in time": (
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, order=(1, 0, 3, 2)),
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, order=(2, 3, 0, 1)),
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, order=(0, 2, 1, 3)),
        ),
        "every band has its largest width: the first and third number of u say how wide": (
            lambda r, k, f0, f, t0, t, n, a: other(r, k, a, f=lambda u, m: m + 0 * u, t=lambda u, m: m + 0 * u),
        ),
        "all frames of the items are hidden": lambda r, k, f0, f, t0, t, n, a: (k < n) & (r >= 0),
        "the padding is hidden as well: it stays as it is": (
            lambda r, k, f0, f, t0, t, n, a: band(k, t0, t) | band(r, f0, f) | (k >= n),
        ),
        "starts are taken for the middles of the bands": (
            lambda r, k, f0, f, t0, t, n, a: (band(k, t0 - t // 2, t) | band(r, f0 - f // 2, f)) & (k < n),
        ),
    },
    of=hides,
)  # fmt: skip


def other(
    row: Tensor,
    frame: Tensor,
    given: dict[str, Any],
    *,
    f: Callable[..., Tensor] = lambda u, m: u * (m + 1),
    t: Callable[..., Tensor] = lambda u, m: u * (m + 1),
    f0: Callable[..., Tensor] = lambda u, m, w: u * (m - w + 1),
    t0: Callable[..., Tensor] = lambda u, m, w: u * (m - w + 1),
    order: tuple[int, ...] = (0, 1, 2, 3),
    most: tuple[int, int] | None = None,
    length: int | None = None,
    place: int | None = None,
    cut: bool = True,
    inside: bool = True,
) -> Tensor:
    """What is hidden if widths and starts are made in another way."""
    s, lengths = given["s"], given["lengths"]
    u = given["u"][:, list(order)]
    widest, longest = (given["freq"], given["time"]) if most is None else most
    size = lengths if length is None else torch.full_like(lengths, length)
    top = size.clamp(max=longest) if cut else torch.full_like(lengths, longest)
    width, duration = f(u[:, 0], widest).long(), t(u[:, 2], top).long()
    start = f0(u[:, 1], s.shape[1], width).long()
    begin = t0(u[:, 3], size if place is None else torch.full_like(lengths, place), duration).long()
    hidden = band(row, c(start), c(width)) | band(frame, c(begin), c(duration))
    return hidden & (frame < c(lengths)) if inside else hidden


FILLED = "hidden values become 0, and not {}"


def filled(value: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that hides the right places by something else: a function of s and of what stays."""

    def answer(s, u, freq, time, lengths):
        right = spec_mask(s, u, freq, time, lengths)
        return torch.where(right == s, s, value(s, right))

    return answer


mistakes(
    "audio.spec_mask",
    {
        FILLED.format("the mean of the item"): (
            lambda s, y: s.mean((1, 2), keepdim=True),
            lambda s, y: s.mean(),
        ),
        FILLED.format("1"): lambda s, y: torch.ones_like(s),
        FILLED.format("the smallest value"): lambda s, y: s.min(),
        FILLED.format("−1"): lambda s, y: -torch.ones_like(s),
    },
    of=filled,
)


@mistake("audio.spec_mask", "what is hidden is returned, True and False: return the spectrogram with it hidden")
def the_mask_itself(s, u, freq, time, lengths):
    return (spec_mask(s, u, freq, time, lengths) != s).to(s.dtype)


@mistake("audio.spec_mask", "the axes are exchanged: (B, F, S) has frequencies first, then time")
def axes_exchanged(s, u, freq, time, lengths):
    if s.shape[1] != s.shape[2]:
        full = torch.full_like(lengths, s.shape[1])
        return spec_mask(s.transpose(1, 2), u, freq, time, torch.minimum(lengths, full)).transpose(1, 2)
    return spec_mask(s.transpose(1, 2), u, freq, time, lengths).transpose(1, 2)


# ── phase_advance ─────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("audio.phase_advance", instead_of=(audio.phase_vocoder, audio.time_stretch, audio.princarg))
def phase_advance(phase: Tensor, hop: int) -> Tensor:
    """ω_k H + princarg(Δφ − ω_k H), (B, F, S) → (B, F, S − 1)."""
    own = torch.linspace(0, torch.pi * hop, phase.shape[1], dtype=phase.dtype)[:, None]
    return own + audio.princarg(phase.diff(dim=-1) - own)


def turned(rule: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of Δφ (B, F, S − 1) and ω_k H (F, 1)."""

    def answer(phase, hop):
        own = torch.linspace(0, torch.pi * hop, phase.shape[1], dtype=phase.dtype)[:, None]
        return rule(phase[:, :, 1:] - phase[:, :, :-1], own)

    return answer


def pr(v: Tensor) -> Tensor:
    """The angle between −π and π."""
    return v - 2 * torch.pi * torch.round(v / (2 * torch.pi))


def angles_of(bins: int, hop: int, rule: Callable[[int, int], float], phase: Tensor) -> Tensor:
    """(F, 1), from a rule of k and F."""
    return torch.tensor([rule(k, bins) * hop for k in range(bins)], dtype=phase.dtype)[:, None]


def with_own(rule: Callable[[int, int], float]) -> Callable[..., Tensor]:
    """An answer that is right but for ω_k."""

    def answer(phase, hop):
        own = angles_of(phase.shape[1], hop, rule, phase)
        return own + pr(phase.diff(dim=-1) - own)

    return answer


mistakes(
    "audio.phase_advance",
    {
        "the difference of the angles is returned as it is: without `princarg` nothing is unwrapped":
            lambda d, w: w + (d - w),
        "ω_k H is not added back: the bin itself turns by that much": lambda d, w: pr(d - w),
        "ω_k H is not taken away before `princarg`": lambda d, w: w + pr(d),
        "the whole advance is brought between −π and π: only its deviation from ω_k H is": lambda d, w: pr(d) + 0 * w,
        "the sign within `princarg` is wrong: Δφ − ω_k H": (lambda d, w: w + pr(w - d), lambda d, w: w + pr(d + w)),
        "angles are brought between 0 and 2π: `princarg` is between −π and π":
            lambda d, w: w + torch.remainder(d - w, 2 * torch.pi),
        "angles are brought between −π/2 and π/2: `princarg` takes whole turns away, of 2π":
            lambda d, w: w + (d - w) - torch.pi * torch.round((d - w) / torch.pi),
        "only one turn is taken away: many may be in it":
            lambda d, w: w + torch.where(d - w > torch.pi, d - w - 2 * torch.pi,
                                         torch.where(d - w < -torch.pi, d - w + 2 * torch.pi, d - w)),
        "turns are cut off and not rounded: `torch.round`, not `floor` or `trunc`": (
            lambda d, w: w + (d - w) - 2 * torch.pi * torch.trunc((d - w) / (2 * torch.pi)),
        ),
        "angles beyond π are cut off: take whole turns away": lambda d, w: w + (d - w).clamp(-torch.pi, torch.pi),
        "the differences are those of one frame to the one before: the advance goes forward in time":
            lambda d, w: w + pr(-d - w),
        "the advances are added up over time: return one for each step": lambda d, w: (w + pr(d - w)).cumsum(-1),
        "only ω_k H is returned: add by how much the phase deviates from it": lambda d, w: 0 * d + w,
        "the first frame is put before the advances: there is one less than frames":
            lambda d, w: torch.cat([torch.zeros_like(d[..., :1]), w + pr(d - w)], dim=-1),
    },
    of=turned,
)  # fmt: skip

mistakes(
    "audio.phase_advance",
    {
        "ω_k is 2πk/N with N = 2 (F − 1) samples a frame, and not 2πk/F": lambda k, n: 2 * torch.pi * k / n,
        "ω_k is 2πk/N with N = 2 (F − 1) samples a frame, and not πk/F": lambda k, n: torch.pi * k / n,
        "ω_k is 2πk/N with N = 2 (F − 1) samples a frame, and not 2πk/(F − 1)":
            lambda k, n: 2 * torch.pi * k / (n - 1),
        "ω_k is half as large as it should be: 2πk/N": lambda k, n: torch.pi * k / (2 * (n - 1)),
        "2π is missing in ω_k": lambda k, n: k / (2 * (n - 1)),
        "bins are counted from 1: the first one is that of frequency 0": lambda k, n: torch.pi * (k + 1) / (n - 1),
        "every bin has the frequency of the last": lambda k, n: torch.pi,
    },
    of=with_own,
)  # fmt: skip


@mistake("audio.phase_advance", "H is not used: a frame is H samples after the one before")
def without_hop(phase, hop):
    return phase_advance(phase, 1)


@mistake("audio.phase_advance", "differences are taken along the frequencies: time is the last dimension")
def along_frequencies(phase, hop):
    return phase_advance(phase.transpose(1, 2), hop).transpose(1, 2)


@mistake("audio.phase_advance", "differences are taken along the frequencies: time is the last dimension")
def along_bins(phase, hop):
    own = torch.linspace(0, torch.pi * hop, phase.shape[1], dtype=phase.dtype)[1:, None]
    return own + pr(phase.diff(dim=1) - own)


@mistake("audio.phase_advance", "differences are taken two frames apart: take neighbours")
def two_apart(phase, hop):
    own = torch.linspace(0, torch.pi * hop, phase.shape[1], dtype=phase.dtype)[:, None]
    return own + pr(phase[:, :, 1:] - phase[:, :, :1] - own)
