"""Film ratings of a streaming service: sparse, with dates, to try to find one person among many.

User u rates film i with

    stars = round(3.5 + b_u + c_i + p_u·q_i + noise), from 1 to 5,

b how generous the user is, c how good the film, p·q how well they match in a few hidden tastes. Which films a user
rates follows their popularity, which falls off as 1/rank^``tail``: everybody has seen the hits, and it is the rare
films that give a person away. A user joins on some day and rates in a few sessions; no film is rated before it is out.

A. Narayanan and V. Shmatikov, Robust De-anonymization of Large Sparse Datasets, IEEE Symposium on Security and
Privacy 2008, is what such data are for here.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Shaped

from labkit.data.dataset import About
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number, Range
from labkit.shapes import Float, Int, Tensor

AT_ONCE = 2**20
"""Numbers that are drawn at a time."""

ABOUT = About(name="ratings", licence="simulated: free of rights", source="simulated")


@dataclass(frozen=True, eq=False)
class Ratings:
    """N ratings, sorted by user and day; no user rates a film twice.

    Attributes:
        user: (N,) int64, 0 to ``users - 1``.
        film: (N,) int64, 0 to ``films - 1``, the most popular film first.
        stars: (N,) int64, 1 to 5.
        day: (N,) int64, days since the service opened.
        users: how many users there are.
        films: how many films there are.
        days: for how many days the service has been open.
        about: name, licence, citation, source.
    """

    user: Int[Tensor, " n"]
    film: Int[Tensor, " n"]
    stars: Int[Tensor, " n"]
    day: Int[Tensor, " n"]
    users: int
    films: int
    days: int
    about: About

    def __len__(self) -> int:
        return len(self.user)

    def matrix(self, values: Shaped[Tensor, " n"] | None = None) -> Float[Tensor, "users films"]:
        """The ratings as a float32 table (users, films), nan where there is none; of ``values`` (N,), else of stars."""
        table = torch.full((self.users, self.films), torch.nan, device=self.user.device)
        table[self.user, self.film] = (self.stars if values is None else values).float()
        return table

    def take(self, index: Tensor) -> "Ratings":
        """The ratings at ``index``: (M,) int64, or (N,) bool."""
        return Ratings(self.user[index], self.film[index], self.stars[index], self.day[index],
                       self.users, self.films, self.days, self.about)  # fmt: skip


def ratings(
    users: int,
    *,
    generator: torch.Generator | None = None,
    films: int = 500,
    per_user: Range = (10, 60),
    days: int = 1000,
    tastes: int = 4,
    tail: Number = 0.8,
    noise: Number = 0.6,
) -> Ratings:
    """The ratings of ``users`` people.

    Args:
        users: how many people.
        generator: the source of all randomness, and the device.
        films: how many films.
        per_user: range of the number of ratings of one user.
        days: for how many days the service has been open; a third of the films came out in that time.
        tastes: how many hidden tastes there are.
        tail: how fast popularity falls off with rank: 0 for all films alike.
        noise: standard deviation of a user's mood, in stars.

    Raises:
        ValueError: if a number is impossible.
    """
    draw.at_least_one(users)
    draw.within("per_user", per_user, 1, films)
    if days < 2 or tastes < 1:
        raise ValueError(f"days is {days} and tastes is {tastes}; expected at least 2 and at least 1")
    device = draw.device_of(generator)
    released = (draw.uniform(generator, (films,), (-2.0 * days, 0.9 * days))).clamp_min(0).long()
    count = draw.uniform(generator, (users,), (per_user[0], per_user[1] + 1)).long().clamp_max(int(per_user[1]))
    user, film = torch.arange(users, device=device).repeat_interleave(count), seen(count, films, tail, generator)
    day = sessions(user, users, days, generator).maximum(released[film])
    taste, appeal = draw.normal(generator, (users, tastes)), draw.normal(generator, (films, tastes))
    match = 0.8 * (taste[user] * appeal[film]).sum(1) / tastes**0.5
    generous, good = 0.4 * draw.normal(generator, (users,)), 0.5 * draw.normal(generator, (films,))
    stars = 3.5 + generous[user] + good[film] + match + noise * draw.normal(generator, (len(user),))
    sort = (user * (days + 1) + day).argsort(stable=True)
    stars = stars.round().clamp(1, 5).long()
    return Ratings(user[sort], film[sort], stars[sort], day[sort], users, films, days, ABOUT)


def seen(count: Int[Tensor, " u"], films: int, tail: Number, generator: torch.Generator | None) -> Int[Tensor, " n"]:
    """The films that each user has seen, user by user: so many of them, the popular ones more often than the rare.

    The films with the largest log popularity plus Gumbel noise are a draw without replacement. Some users at a time:
    users × films numbers may be more than the memory holds.
    """
    rank = torch.arange(films, device=count.device)
    parts = []
    for some in count.split(max(1, AT_ONCE // films)):
        gumbel = -torch.log(-torch.log(draw.uniform(generator, (len(some), films), (1e-6, 1 - 1e-6))))
        order = (gumbel - tail * torch.log(rank + 1.0)).argsort(1, descending=True)
        parts.append(order[rank < some[:, None]])
    return torch.cat(parts)


def sessions(user: Int[Tensor, " n"], users: int, days: int, generator: torch.Generator | None) -> Int[Tensor, " n"]:
    """The day of each rating, (N,): one of six sessions of its user, who joined some day and may have left again."""
    joined = draw.uniform(generator, (users, 1), (0, 0.8 * days))
    stays = draw.uniform(generator, (users, 1), (0.1, 1)) * (days - joined)
    evenings = joined + stays * draw.uniform(generator, (users, 6), (0, 1))
    which = draw.integers(generator, (len(user),), 6)
    return evenings[user, which].long().clamp(0, days - 1)
