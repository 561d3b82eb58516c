"""Scoreboard-RH: who of a release is the person of whom a few ratings are known?

    Score(aux, r) = Σ_{i ∈ supp(aux)} wt(i) (e^{−|ρ_i − ρ'_i| / ρ0} + e^{−|d_i − d'_i| / d0})
    wt(i) = 1 / log |supp(i)|
    match the best r, if (max − max2) / σ > φ;    else nobody

aux: what is known: of film i the rating ρ_i and the date d_i. r: a record of the release, with ρ'_i and d'_i; a film
that it lacks adds nothing. |supp(i)|: how many records hold film i. max, max2, σ: the best score, the second best and
the standard deviation of all. ρ0 = 1.5, d0 = 30 days and φ = 1.5 are the paper's.

A. Narayanan and V. Shmatikov, "Robust De-anonymization of Large Sparse Datasets", IEEE Symposium on Security and
Privacy 2008, sections 4 and 5.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from labkit.data.simulate import Ratings
from labkit.shapes import Bool, Float, Int

ENTRIES = 1 << 19  # how many scores a batch of targets may hold: 2 MB of float32 stay in a processor's cache
ON_DEVICE = 1 << 26  # on an accelerator it is the size of a batch that counts


@dataclass(frozen=True, eq=False)
class AuxiliaryInfo:
    """What an adversary knows of t people, at most m ratings of each: the paper's aux.

    Attributes:
        film: (t, m) int64, as the release numbers films; −1 where nothing is known.
        stars: (t, m) float; nan where the rating is not known.
        day: (t, m) float; nan where the date is not known.

    Raises:
        ValueError: if the three differ in shape, or a rating or a date is infinite.
    """

    film: Int[Tensor, "t m"]
    stars: Float[Tensor, "t m"]
    day: Float[Tensor, "t m"]

    def __post_init__(self) -> None:
        shapes = {name: tuple(getattr(self, name).shape) for name in ("film", "stars", "day")}
        if len(set(shapes.values())) > 1 or self.film.ndim != 2:
            raise ValueError(f"film, stars and day have shapes {shapes}; expected (targets, ratings) for all three")
        for name in ("stars", "day"):
            if bool(getattr(self, name).isinf().any()):
                raise ValueError(f"{name} holds an infinite value; expected a number, or nan where it is not known")

    def __len__(self) -> int:
        return len(self.film)

    def take(self, index: Tensor | slice) -> "AuxiliaryInfo":
        """What is known of the targets at ``index``: (s,) int64, (t,) bool, or a slice."""
        return AuxiliaryInfo(self.film[index], self.stars[index], self.day[index])

    def first(self, m: int) -> "AuxiliaryInfo":
        """Only the first ``m`` ratings of each."""
        return AuxiliaryInfo(self.film[:, :m], self.stars[:, :m], self.day[:, :m])


@dataclass(frozen=True, eq=False)
class RatingsByFilm:
    """A release sorted by film: what is needed to score quickly, made once by ``sort_by_film``.

    Attributes:
        start: (films + 1,) int64: film i's ratings are those from ``start[i]`` to ``start[i + 1]``.
        user: (N,) int64, the record of each rating.
        stars: (N,) float32.
        day: (N,) float32.
        users: how many records there are.
    """

    start: Int[Tensor, " f"]
    user: Int[Tensor, " n"]
    stars: Float[Tensor, " n"]
    day: Float[Tensor, " n"]
    users: int

    @property
    def films(self) -> int:
        """How many films there are."""
        return len(self.start) - 1

    @property
    def support(self) -> Int[Tensor, " f"]:
        """(films,): how many records hold each film."""
        return self.start.diff()


def sort_by_film(release: Ratings) -> RatingsByFilm:
    """The release sorted by film.

    Raises:
        ValueError: if it has fewer than two records, or no ratings.
    """
    if release.users < 2 or len(release) == 0:
        raise ValueError(
            f"the release has {release.users} records and {len(release)} ratings; expected two records or more"
        )
    order = release.film.argsort(stable=True)
    support = torch.bincount(release.film, minlength=release.films)
    start = torch.cat([support.new_zeros(1), support.cumsum(0)])
    return RatingsByFilm(
        start, release.user[order], release.stars[order].float(), release.day[order].float(), release.users
    )


def film_weights(support: Int[Tensor, " f"]) -> Float[Tensor, " f"]:
    """1 / log |supp(i)|: a rare film says more. A film that fewer than two have counts as one that two have.

    The paper's formula is infinite for a film with one rating; it does not say what to do. float32.
    """
    return 1 / support.clamp_min(2).float().log()


def scores(
    aux: AuxiliaryInfo,
    release: RatingsByFilm,
    *,
    rho0: float = 1.5,
    d0: float = 30.0,
    weight: Float[Tensor, " f"] | None = None,
) -> Float[Tensor, "t users"]:
    """The score of every record for each target, from the ratings that exist: nothing is dense but the result.

    Args:
        aux: what is known of t targets.
        release: from ``sort_by_film``.
        rho0, d0: how quickly likeness fades, in stars and in days.
        weight: of each film, (films,); 1 / log support if it is not given.

    Raises:
        ValueError: if a film's number is not the release's, none of the known films occurs in it, or a knob is not
            above 0.
    """
    _check(aux, release.films, rho0, d0)
    w = film_weights(release.support) if weight is None else weight
    film = aux.film.flatten()
    place_of = film.clamp_min(0)
    support = release.support[place_of] * (film >= 0)
    if not bool(support.any()):
        raise ValueError("none of the known films occurs in the release; expected film numbers as the release has them")
    # One entry for each pair of a known rating and a rating of the same film in the release.
    rating = torch.arange(len(film), device=film.device)
    pair = torch.repeat_interleave(rating, support)
    place = (release.start[place_of] - (support.cumsum(0) - support))[pair]
    place += torch.arange(len(pair), device=film.device)
    alike = _alike(release.stars[place], aux.stars.flatten()[pair], rho0)
    alike += _alike(release.day[place], aux.day.flatten()[pair], d0)
    alike *= w.to(alike.dtype)[place_of][pair]
    users = release.users
    entry = (rating.div(aux.film.shape[1], rounding_mode="floor") * users)[pair]
    entry += release.user[place]
    result = alike.new_zeros(len(aux) * users)
    return result.index_add_(0, entry, alike).view(len(aux), users)


def dense_scores(
    aux: AuxiliaryInfo,
    stars: Float[Tensor, "users f"],
    day: Float[Tensor, "users f"] | None = None,
    *,
    rho0: float = 1.5,
    d0: float = 30.0,
    weight: Float[Tensor, " f"] | None = None,
) -> Float[Tensor, "t users"]:
    """The same from tables: for few films it is the shortest way to write it, for many it needs much memory.

    Args:
        aux: what is known of t targets.
        stars: the release as a table, nan where there is no rating.
        day: the dates, nan where there is no rating; None for a release without dates.
        rho0, d0, weight: as ``scores``.

    Raises:
        ValueError: as ``scores``; also if the tables differ in shape or in where their nans are.
    """
    _check(aux, stars.shape[1], rho0, d0)
    there = ~stars.isnan()
    if day is not None and (day.shape != stars.shape or not torch.equal(~day.isnan(), there)):
        raise ValueError(
            "some ratings of the release have no date (nan), or dates no rating; expected both or neither of each: "
            "give day=None for a release without dates"
        )
    w = film_weights(there.sum(0)) if weight is None else weight
    film, some = aux.film.clamp_min(0), aux.film >= 0
    if not bool((there.any(0)[film] & some).any()):
        raise ValueError("none of the known films occurs in the release; expected film numbers as the release has them")
    alike = _alike(stars[:, film], aux.stars, rho0)  # (users, t, m)
    if day is not None:
        alike = alike + _alike(day[:, film], aux.day, d0)
    return (alike * (w.to(alike.dtype)[film] * some)).sum(2).T.contiguous()


class Matches(NamedTuple):
    """For each target the best record, how far it stands out, and whether that is enough to claim it."""

    record: Int[Tensor, " t"]
    eccentricity: Float[Tensor, " t"]
    match: Bool[Tensor, " t"]

    def matched_record(self) -> Int[Tensor, " t"]:
        """The record of each target, −1 where nobody is claimed."""
        return torch.where(self.match, self.record, -1)


def eccentricity_test(scores: Float[Tensor, "t users"], *, phi: float = 1.5) -> Matches:
    """The eccentricity test: the best record is claimed where (max − max2) / σ > ``phi``.

    Where all scores are equal nothing stands out: the eccentricity is 0.

    Raises:
        ValueError: if there are fewer than two records to choose from, or ``phi`` is negative.
    """
    if scores.shape[1] < 2:
        raise ValueError(f"there is {scores.shape[1]} record; expected two or more to choose from")
    if phi < 0:
        raise ValueError(f"phi is {phi}; expected 0 or more")
    top = scores.topk(2, dim=1)
    first, second = top.values.unbind(1)
    sigma = (scores - scores.mean(1, keepdim=True)).square().mean(1).sqrt()  # several times as fast as scores.std
    eccentricity = torch.where(sigma > 0, (first - second) / sigma.clamp_min(1e-30), 0)
    return Matches(top.indices[:, 0], eccentricity, eccentricity > phi)


def link(
    aux: AuxiliaryInfo, release: Ratings | RatingsByFilm, *, phi: float = 1.5, rho0: float = 1.5, d0: float = 30.0
) -> Matches:
    """Score and decide, a batch of targets at a time, so that memory stays bounded however many there are.

    Raises:
        ValueError: as ``sort_by_film``, ``scores`` and ``eccentricity_test``, and if there are no targets.
    """
    table = sort_by_film(release) if isinstance(release, Ratings) else release
    if len(aux) == 0:
        raise ValueError("there are no targets; expected at least one")
    _check(aux, table.films, rho0, d0)
    most = ENTRIES if aux.film.device.type == "cpu" else ON_DEVICE
    weight, size = film_weights(table.support), max(1, most // table.users)
    seen = table.support[aux.film.clamp_min(0)] * (aux.film >= 0)
    if not bool(seen.any()):
        raise ValueError("none of the known films occurs in the release; expected film numbers as the release has them")
    parts = []
    for begin in range(0, len(aux), size):
        some = aux.take(slice(begin, begin + size))
        if bool(seen[begin : begin + size].any()):
            batch_scores = scores(some, table, rho0=rho0, d0=d0, weight=weight)
        else:
            batch_scores = table.stars.new_zeros(len(some), table.users)
        parts.append(eccentricity_test(batch_scores, phi=phi))
    return Matches(*(torch.cat(list(values)) for values in zip(*parts)))


def posterior(scores: Float[Tensor, "t users"]) -> Float[Tensor, "t users"]:
    """The paper's distribution over records, c · e^{Score / σ}; uniform where all scores are equal."""
    sigma = scores.std(1, correction=0, keepdim=True)
    return torch.where(sigma > 0, scores / sigma.clamp_min(1e-30), 0).softmax(1)


def entropy_in_bits(probabilities: Float[Tensor, "t users"]) -> Float[Tensor, " t"]:
    """The entropy of each row in bits: log2 of as many records as would be equally likely.

    Raises:
        ValueError: if they are not rows of probabilities, (t, users).
    """
    if probabilities.ndim != 2:
        raise ValueError(f"probabilities have shape {tuple(probabilities.shape)}; expected a row for each target")
    return -torch.special.xlogy(probabilities, probabilities).sum(1) / math.log(2)


def _alike(theirs: Tensor, ours: Tensor, scale: float) -> Tensor:
    """e^{−|difference| / scale}, 0 where either is not known."""
    return torch.exp(-(theirs - ours).abs() / scale).nan_to_num(0.0)


def _check(aux: AuxiliaryInfo, films: int, rho0: float, d0: float) -> None:
    if not (rho0 > 0 and d0 > 0):
        raise ValueError(f"rho0 is {rho0} and d0 {d0}; expected numbers above 0")
    if aux.film.numel() and int(aux.film.max()) >= films:
        raise ValueError(f"a known film has the number {int(aux.film.max())}; the release has {films}, from 0")
