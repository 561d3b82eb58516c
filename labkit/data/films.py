"""MovieLens 100k: 100,000 real film ratings with dates, and who gave them.

Three files of the official release, each fetched by itself and verified by its checksum; see ``labkit.data.download``
for where they lie. GroupLens allows research and forbids passing the data on, so labkit brings no copy of it.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from labkit.data.dataset import About
from labkit.data.download import fetch
from labkit.data.simulate.ratings import Ratings
from labkit.shapes import Bool, Int, Tensor

ADDRESS = "https://files.grouplens.org/datasets/movielens/"
FILES = {
    "ml-100k/u.data": "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
    "ml-100k/u.item": "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
    "ml-100k/u.user": "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c",
}
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
DAY = 24 * 60 * 60
ABOUT = About(
    name="MovieLens 100k",
    licence="research only, no redistribution, no commercial use (GroupLens)",
    citation="F. M. Harper and J. A. Konstan, The MovieLens Datasets: History and Context, ACM Transactions on "
    "Interactive Intelligent Systems 5(4), 2015",
    source="https://grouplens.org/datasets/movielens/100k",
)


@dataclass(frozen=True, eq=False)
class Films:
    """The ratings, the films, and the people.

    Attributes:
        ratings: 100,000 of 943 users and 1,682 films, the most rated film first; days from 1997-09-20 to 1998-04-23.
        titles: of the films, with the year.
        genres: (films, 19), which of ``GENRES`` a film belongs to.
        age: (users,), in years.
        female: (users,).
        occupation: (users,), into ``occupations``.
        postcode: (users,), as a number from 0 to 99999; −1 for one that is not five digits.
        occupations: their names.
    """

    ratings: Ratings
    titles: tuple[str, ...]
    genres: Bool[Tensor, "f k"]
    age: Int[Tensor, " n"]
    female: Bool[Tensor, " n"]
    occupation: Int[Tensor, " n"]
    postcode: Int[Tensor, " n"]
    occupations: tuple[str, ...]


def movielens_100k(*, root: str | Path | None = None, download: bool = True, progress: bool = True) -> Films:
    """MovieLens 100k, read from ``root``, ``$LABKIT_DATA`` or the user's cache; downloaded (2 MB) if it is in none.

    Raises:
        DataError: one sentence with what to do, where the files are missing, damaged, or can't be fetched.
    """
    data, item, user = (
        fetch(ADDRESS + name, sha256, name=name, root=root, download=download, progress=progress)
        for name, sha256 in FILES.items()
    )
    films = [line.split("|") for line in item.read_text(encoding="latin-1").splitlines()]
    people = [line.split("|") for line in user.read_text(encoding="latin-1").splitlines()]
    table = torch.tensor([[int(field) for field in line.split()] for line in data.read_text().splitlines()])
    who, film, stars, seconds = table.unbind(1)
    order = torch.bincount(film - 1, minlength=len(films)).argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    day = (seconds - seconds.min()) // DAY
    ratings = Ratings(who - 1, rank[film - 1], stars, day, len(people), len(films), int(day.max()) + 1, ABOUT)
    ratings = ratings.take((ratings.user * ratings.days + ratings.day).argsort(stable=True))
    genres = torch.tensor([[field == "1" for field in film[-len(GENRES) :]] for film in films])
    names = tuple(sorted({person[3] for person in people}))
    return Films(
        ratings,
        tuple(films[i][1] for i in order.tolist()),
        genres[order],
        torch.tensor([int(person[1]) for person in people]),
        torch.tensor([person[2] == "F" for person in people]),
        torch.tensor([names.index(person[3]) for person in people]),
        torch.tensor([int(person[4]) if person[4].isdecimal() else -1 for person in people]),
        names,
    )
