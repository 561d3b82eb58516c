"""What a service does before it publishes, what an adversary knows, and what comes of it.

The statement of 2006 that the course's deck quotes holds a data set safe because names are removed, "only a small
sample was included" and it "was subject to perturbation". Each of the three is a function here::

    pseudonymise      new numbers for the users, or for a fraction of them
    sample_ratings    a part of everybody's ratings
    perturb           other stars, other dates

``sample_auxiliary_info`` draws the adversary's knowledge the way Narayanan and Shmatikov do (2008, section 5): ratings
of a real person, each with an error, some of them plainly wrong. ``attack_rates`` counts right and false claims,
``disclosed_stars`` reads what a claimed record says.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from labkit.data.simulate import Ratings
from labkit.linkage.attack import AuxiliaryInfo, Matches
from labkit.shapes import Float, Int, labels


@dataclass(frozen=True, eq=False)
class Release:
    """A published set of ratings, and the secret that is not published.

    Attributes:
        ratings: what everybody sees. Its users are pseudonyms, its films the original ones.
        identity: (users,) int64: the original number of each pseudonym.
    """

    ratings: Ratings
    identity: Int[Tensor, " n"]

    def truth(self, targets: Int[Tensor, " t"]) -> Int[Tensor, " t"]:
        """The record of each original user, −1 for one that was not released.

        Raises:
            ValueError: if a target is no user's number, which is 0 or more.
        """
        labels(targets, name="targets")
        most = int(torch.cat([self.identity, targets]).max()) + 1
        record = self.identity.new_full((most,), -1)
        record[self.identity] = torch.arange(len(self.identity), device=record.device)
        return record[targets]


def pseudonymise(ratings: Ratings, *, fraction: float = 1.0, generator: torch.Generator | None = None) -> Release:
    """Take a random ``fraction`` of the users and number them anew, in an order that tells nothing.

    Raises:
        ValueError: if ``fraction`` is not above 0 and up to 1, or leaves nobody.
    """
    _share("fraction", fraction)
    kept = round(fraction * ratings.users)
    if not kept:
        raise ValueError(f"fraction is {fraction}: of {ratings.users} users nobody is left; expected at least one")
    device = ratings.user.device
    identity = torch.randperm(ratings.users, generator=generator, device=device)[:kept]
    number = torch.full((ratings.users,), -1, device=device).index_put_((identity,), torch.arange(kept, device=device))
    there = number[ratings.user] >= 0
    part = ratings.take(there)
    return Release(_sorted(replace(part, user=number[part.user], users=kept)), identity)


def sample_ratings(ratings: Ratings, fraction: float, *, generator: torch.Generator | None = None) -> Ratings:
    """Each rating is kept with probability ``fraction``; everybody keeps a record, be it an empty one.

    Raises:
        ValueError: if ``fraction`` is not above 0 and up to 1.
    """
    _share("fraction", fraction)
    u = torch.rand(len(ratings), generator=generator, device=ratings.user.device)
    return ratings.take(u < fraction)


def perturb(
    ratings: Ratings, *, share: float = 1.0, stars: int = 1, days: int = 14, generator: torch.Generator | None = None
) -> Ratings:
    """A ``share`` of the ratings is moved: by up to ``stars`` stars and up to ``days`` days, all moves equally likely.

    What would leave the scale of 1 to 5, or the days of the service, stops at its end.

    Raises:
        ValueError: if ``share`` is not from 0 to 1, or ``stars`` or ``days`` is negative.
    """
    if share != 0:
        _share("share", share)
    if stars < 0 or days < 0:
        raise ValueError(f"stars is {stars} and days {days}; expected 0 or more")
    device = ratings.user.device
    moved = (torch.rand(len(ratings), generator=generator, device=device) < share).long()
    by = _integers(ratings.stars, stars, generator) * moved
    later = _integers(ratings.day, days, generator) * moved
    return _sorted(
        replace(ratings, stars=(ratings.stars + by).clamp(1, 5), day=(ratings.day + later).clamp(0, ratings.days - 1))
    )


def sample_auxiliary_info(
    ratings: Ratings,
    targets: Int[Tensor, " t"],
    m: int,
    *,
    wrong: int = 0,
    stars: int = 0,
    days: int = 0,
    dates: bool = True,
    beyond: int = 0,
    generator: torch.Generator | None = None,
) -> AuxiliaryInfo:
    """What an adversary knows of each target: ``m`` of its ratings, drawn at random, with errors.

    Args:
        ratings: what the people really rated (not the release).
        targets: whose ratings.
        m: how many of each; a person with fewer has −1 for the rest.
        wrong: how many of the m are plainly wrong: any stars, any day of the service.
        stars, days: the others are off by up to that much, all errors equally likely.
        dates: whether dates are known at all.
        beyond: leave out so many of the most rated films: that one has seen the hits says little.
        generator: the source of all randomness.

    Raises:
        ValueError: if there are no targets, ``m`` is below 1, ``wrong`` is not from 0 to m, or a target is no user.
    """
    if len(targets) == 0 or m < 1 or not 0 <= wrong <= m:
        raise ValueError(
            f"there are {len(targets)} targets, m is {m} and wrong {wrong}; expected a target, m ≥ 1 and 0 ≤ wrong ≤ m"
        )
    labels(targets, classes=ratings.users, name="targets")
    device = ratings.user.device
    support = torch.bincount(ratings.film, minlength=ratings.films)
    hits = support.argsort(descending=True, stable=True)[:beyond]
    usable = torch.ones(ratings.films, dtype=torch.bool, device=device).index_fill_(0, hits, False)
    shuffled = torch.randperm(len(ratings), generator=generator, device=device)
    shuffled = shuffled[usable[ratings.film[shuffled]]]
    # Grouped by user, in a random order within each: the first m of a group are a draw without replacement.
    grouped = shuffled[ratings.user[shuffled].argsort(stable=True)]
    count = torch.bincount(ratings.user[grouped], minlength=ratings.users)
    start = count.cumsum(0) - count
    rank = torch.arange(m, device=device)
    some = rank < count[targets][:, None]
    place = grouped[(start[targets][:, None] + rank).clamp_max(len(grouped) - 1)]
    return _with_errors(ratings, place, some, wrong, (stars, days), dates, generator)


def _with_errors(
    ratings: Ratings,
    place: Int[Tensor, "t m"],
    some: Tensor,
    wrong: int,
    by: tuple[int, int],
    dates: bool,
    generator: torch.Generator | None,
) -> AuxiliaryInfo:
    """The ratings at ``place`` with errors, where there are ``some``."""
    value, day = ratings.stars[place], ratings.day[place]
    value = (value + _integers(value, by[0], generator)).clamp(1, 5).float()
    day = (day + _integers(day, by[1], generator)).float()
    any_star = torch.randint(1, 6, value.shape, generator=generator, device=value.device).float()
    any_day = torch.randint(0, ratings.days, day.shape, generator=generator, device=day.device).float()
    value[:, :wrong], day[:, :wrong] = any_star[:, :wrong], any_day[:, :wrong]
    nothing = torch.full_like(day, torch.nan)
    return AuxiliaryInfo(
        torch.where(some, ratings.film[place], -1),
        torch.where(some, value, nothing),
        torch.where(some, day, nothing) if dates else nothing,
    )


class AttackRates(NamedTuple):
    """Shares of all targets: rightly identified, falsely claimed to be somebody, left alone. They add up to 1."""

    identified: float
    false: float
    silent: float


def attack_rates(claims: Matches, truth: Int[Tensor, " t"]) -> AttackRates:
    """How often the attack is right, is wrong, and claims nobody.

    Args:
        claims: from ``link`` or ``eccentricity_test``.
        truth: (t,): the right record, −1 for somebody who is not in the release: any claim is false then.

    Raises:
        ValueError: if the two differ in length or are empty.
    """
    if len(truth) == 0 or truth.shape != claims.record.shape:
        raise ValueError(f"there are {len(truth)} truths for {len(claims.record)} claims; expected one a target")
    right = claims.match & (claims.record == truth)
    false = claims.match & (claims.record != truth)
    identified, mistaken = float(right.double().mean()), float(false.double().mean())
    return AttackRates(identified, mistaken, 1 - identified - mistaken)


def disclosed_stars(claims: Matches, release: Ratings, films: Int[Tensor, " f"]) -> Float[Tensor, "t f"]:
    """What the claimed records say about some films: their stars, nan where nobody is claimed or nothing was rated."""
    chosen = release.stars.new_full((release.films,), -1).index_put_(
        (films,), torch.arange(len(films), device=films.device)
    )
    column = chosen[release.film]
    there = column >= 0
    table = torch.full((release.users, len(films)), torch.nan, device=films.device)
    table[release.user[there], column[there]] = release.stars[there].float()
    return torch.where(claims.match[:, None], table[claims.record], torch.nan)


def _integers(like: Tensor, most: int, generator: torch.Generator | None) -> Tensor:
    """Whole numbers from −most to most."""
    return torch.randint(-most, most + 1, like.shape, generator=generator, device=like.device)


def _sorted(ratings: Ratings) -> Ratings:
    """By user and day, as ``Ratings`` promises."""
    return ratings.take((ratings.user * (ratings.days + 1) + ratings.day).argsort(stable=True))


def _share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"{name} is {value}; expected a share above 0 and up to 1")
