"""The explorer of topic 18: a rating card that identifies its owner as it is filled in.

"You" are one of 600 simulated people; the seed says which one. The card holds what somebody has heard from you about
films you rated, with errors. Beside it: which record of the anonymous release it points at, how far that stands out,
and what the rest of the record tells then.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from labkit import data
from labkit import linkage as adversary
from labkit.data.simulate import Ratings
from labkit.explore.axes import Axes, Bar
from labkit.explore.base import State, View, choice, remembered, slider, switch
from labkit.explore.charts import listing, note, table
from labkit.explore.panel import Explorer
from labkit.explore.svg import BLUE, INK, VERMILION

USERS, FILMS, MOST = 600, 300, 12  # people, films, places on the card
ORDERS = ("films as they come", "rare films first", "hits first")
CARD, RELEASE = "The card", "The release"
SHOWN = 6  # records in the ranking, ratings that are read


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    order: str = choice(ORDERS, label="known first", help="which of your films are on the card")
    films: float = slider(2, 0, MOST, step=1, label="films on it", group=CARD, draw=(1, 8))
    stars: float = slider(1, 0, 4, step=1, label="stars off by", group=CARD, draw=(0, 2), help="up to so many")
    days: float = slider(14, 0, 200, step=1, label="days off by", group=CARD, draw=(0, 60), help="up to so many")
    wrong: float = slider(0, 0, 6, step=1, label="plainly wrong", group=CARD, draw=(0, 3), help="the first ones")
    undated: bool = switch(label="no dates", group=CARD, draw=True)
    share: float = slider(1.0, 0.1, 1.0, step=0.1, label="ratings kept", group=RELEASE, draw=(0.3, 1.0))
    moved: float = slider(0, 0, 4, step=1, label="stars moved", group=RELEASE, draw=(0, 2), help="days: 30 for each")
    absent: bool = switch(label="you are not in it", group=RELEASE)
    phi: float = slider(1.5, 0.0, 5.0, step=0.1, label="φ", group=RELEASE, help="how far a record must stand out")


class Course(NamedTuple):
    """What a card tells, film by film.

    Attributes:
        aux: (1, 12), all of the card.
        release: what is published.
        mine: your record in it; −1 where you are not in it.
        scores: (12, records) after so many films.
        matches: the decision after each.
    """

    aux: adversary.AuxiliaryInfo
    release: Ratings
    mine: int
    scores: Tensor
    matches: adversary.Matches


@remembered(1)
def service() -> Ratings:
    """Everybody's true ratings."""
    generator = torch.Generator().manual_seed(0)
    return data.simulate.ratings(USERS, films=FILMS, per_user=(MOST + 4, 60), generator=generator)


@remembered(1)
def supports() -> Tensor:
    """How many people rated each film, (films,)."""
    return torch.bincount(service().film, minlength=FILMS)


@remembered(32)
def course(settings: Settings) -> Course:
    """The attack for these settings, after 1, 2, … 12 films; ``settings.films`` is left out of account."""
    me, everybody = settings.seed % USERS, service()
    g = torch.Generator().manual_seed(1)
    if settings.absent:
        everybody = everybody.take(everybody.user != me)
    release = adversary.pseudonymise(everybody, generator=g)
    ratings = adversary.sample_ratings(release.ratings, settings.share, generator=g)
    if settings.moved:
        ratings = adversary.perturb(ratings, stars=int(settings.moved), days=30 * int(settings.moved), generator=g)
    aux = card(settings, me)
    table = adversary.sort_by_film(ratings)
    upto = torch.ones(MOST, MOST, dtype=torch.bool).tril()
    several = adversary.AuxiliaryInfo(
        torch.where(upto, aux.film, -1), aux.stars.expand(MOST, -1), aux.day.expand(MOST, -1)
    )
    scores = adversary.scores(several, table)
    mine = -1 if settings.absent else int(release.truth(torch.tensor([me])))
    return Course(aux, ratings, mine, scores, adversary.eccentricity_test(scores, phi=settings.phi))


def card(settings: Settings, me: int) -> adversary.AuxiliaryInfo:
    """Twelve of your ratings with errors, in the order of the card."""
    g, wrong = settings.generator(), int(settings.wrong)
    most = int((service().user == me).sum())
    all_of_me = adversary.sample_auxiliary_info(
        service(),
        torch.tensor([me]),
        most,
        stars=int(settings.stars),
        days=int(settings.days),
        dates=not settings.undated,
        generator=g,
    )
    rarest = supports()[all_of_me.film[0]]
    order = (
        torch.arange(most) if settings.order == ORDERS[0] else rarest.argsort(descending=settings.order == ORDERS[2])
    )
    film, stars, day = (v[:, order[:MOST]].clone() for v in (all_of_me.film, all_of_me.stars, all_of_me.day))
    stars[:, :wrong] = torch.randint(1, 6, (1, wrong), generator=g).float()
    if not settings.undated:
        day[:, :wrong] = torch.randint(0, service().days, (1, wrong), generator=g).float()
    return adversary.AuxiliaryInfo(film, stars, day)


def state_of(settings: Settings) -> tuple[Course, int]:
    """The course, and how many films the card holds."""
    return course(replace(settings, films=0)), int(settings.films)


def rated(stars: float) -> str:
    """Stars as a person sees them."""
    return "★" * round(stars) + "☆" * (5 - round(stars))


def show_card(settings: Settings) -> str:
    """What is known of you so far."""
    run, m = state_of(settings)
    heard = zip(*(v[0, :m].tolist() for v in (run.aux.film, run.aux.stars, run.aux.day)))
    rows = [(film, int(supports()[film]), rated(stars), "" if day != day else round(day)) for film, stars, day in heard]
    return table(["film", "raters", "stars", "day"], [*rows, *[("…", "", "", "")] * (MOST - m)])


def show_ranking(settings: Settings) -> str:
    """The records that the card fits best."""
    run, m = state_of(settings)
    if m == 0:
        words = "An empty card fits everybody alike."
        return Axes((0, 1), (0, 1), height=40, left=0).text(0, 0.5, words, soft=True).svg(words)
    scores = run.scores[m - 1]
    best = scores.topk(SHOWN)
    rows = []
    for value, record in zip(best.values.tolist(), best.indices.tolist()):
        mine = record == run.mine
        words = f"{value:.2f}{' ◂ you' if mine else ''}"
        rows.append(Bar(f"no. {record}", value, words, BLUE if mine else INK, bold=mine))
    axes = Axes((0, float(best.values[0]) or 1.0), (SHOWN, 0), height=24 * SHOWN, left=56, right=78).bars(rows)
    eccentricity, match = float(run.matches.eccentricity[m - 1]), bool(run.matches.match[m - 1])
    right = int(run.matches.record[m - 1]) == run.mine
    says = ("“This is you”, and it is right." if right else "“This is you”, and it is wrong.") if match else "No claim."
    axes.under(f"the best stands out by {eccentricity:.2f} σ").under(says, bold=True)
    return axes.svg(sentence(run, m))


def sentence(run: Course, m: int) -> str:
    """The same in a sentence, for who can't see it."""
    place = "You are not in the release." if run.mine < 0 else (
        f"Your record is number {int((run.scores[m - 1] > run.scores[m - 1, run.mine]).sum()) + 1} of {USERS}."
    )  # fmt: skip
    by = float(run.matches.eccentricity[m - 1])
    return f"The {SHOWN} best records after {m} films. {place} The best stands out by {by:.2f} σ."


def show_course(settings: Settings) -> str:
    """The eccentricity as the card fills."""
    run, m = state_of(settings)
    values, films = run.matches.eccentricity.tolist(), range(1, MOST + 1)
    right = (run.matches.record == run.mine).tolist()
    top = max(*values, settings.phi, 1.0) * 1.1
    axes = Axes((0.5, MOST + 0.5), (0, top), height=125, left=24).yticks([0, settings.phi], ["0", "φ"], grid=False)
    axes.rule(y=settings.phi).line(films, values, width=1.3, opacity=0.35)
    for i, value, hit in zip(films, values, right):
        colour, mark = (BLUE, "circle") if hit else (VERMILION, "cross")
        axes.dots([i], [value], colour=colour, mark=mark, size=5.5 if i == m else 3.5)
    axes.xticks([1, MOST], name="films", bold=[m])
    axes.under("the best record is yours", key="circle", colour=BLUE).under("it isn't", key="cross", colour=VERMILION)
    first = next((i for i, match in zip(films, run.matches.match.tolist()) if match), None)
    when = "nobody is claimed" if first is None else f"somebody is claimed from {first} films on, at first"
    return axes.svg(f"How far the best record stands out after 1 to 12 films; {when}.")


def show_reading(settings: Settings) -> str:
    """What the claimed record says about films that are not on the card."""
    run, m = state_of(settings)
    if m == 0 or not bool(run.matches.match[m - 1]):
        return note("No record is claimed, so nothing is read. Fill in more of the card, or lower φ.")
    record = int(run.matches.record[m - 1])
    there = run.release.take(run.release.user == record)
    other = there.take(~torch.isin(there.film, run.aux.film[0, :m]))
    mine = service().take(service().user == settings.seed % USERS)
    truth = dict(zip(mine.film.tolist(), mine.stars.tolist()))
    rows = [
        (film, rated(stars), rated(truth[film]) if film in truth else "never")
        for film, stars in list(zip(other.film.tolist(), other.stars.tolist()))[:SHOWN]
    ]
    words = f"{len(other)} more ratings are in record {record}."
    return table(["film", "the record", "you really"], rows, before=words)


def show_code(settings: Settings) -> str:
    """The call that does this."""
    words = f"matches = linkage.link(aux.first({int(settings.films)}), release.ratings, phi={settings.phi:g})"
    return listing(words)


def disabled_controls(settings: Settings) -> Collection[str]:
    """Controls without effect."""
    return ["days"] if settings.undated else []


def linkage() -> Explorer:
    """Open the explorer of linkage: fill a rating card until it has a name."""
    rows = [
        [View("What somebody knows of you", show_card, html=True), View("Whom it fits", show_ranking, html=True)],
        [View("As the card fills", show_course, html=True), View("What the record tells", show_reading, html=True)],
    ]
    return Explorer(
        Settings(), rows, below=[View("The same in python", show_code, html=True)], disabled=disabled_controls
    )
