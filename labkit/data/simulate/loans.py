"""Loan applicants: who repays, and how much the application gives away about a group that a bank must not use.

A protected attribute a (0 or 1) and the family's wealth w are hidden. Wealth differs between the groups by history:

    w = N(0, 1) − confounding · a,
    P(repaid) = σ(1.3 w + 0.9 s + 0.6),   s = N(0, 1): how steady the applicant is.

The application holds what follows from w and s (income, savings, …) and what follows from a alone: the family
name, the district, the music. It never holds a. Two things are therefore true at once: a model that has never
seen a can tell the groups apart, and the groups do differ in how often they repay, because they differ in wealth.
Deck 004 poses the question; nothing here is measured on people.
"""

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number
from labkit.shapes import Float, PerSample, Tensor

ABOUT = About(name="loans", licence="simulated: free of rights", source="simulated")
MONEY = ("income", "savings", "debts", "loan", "years in job", "late payments")
DISTRICTS = ("Hilltop", "Old Town", "Riverside", "Station", "Docks", "Mill Lane")
MUSIC = ("folk", "opera", "hip-hop", "metal")
COLUMNS = (*MONEY, "family name", *(f"lives in {d}" for d in DISTRICTS), *(f"likes {m}" for m in MUSIC))


def loans(
    n: int,
    *,
    generator: torch.Generator | None = None,
    group: Number = 0.4,
    confounding: Number = 1.0,
    proxies: Number = 1.0,
    bias: Number = 1.0,
) -> Dataset:
    """Applications, (n, 17) float32; the label is whether the loan was repaid: 0 defaulted, 1 repaid.

    The first six columns and the family name (how common it is in group 1 rather than in group 0, on a log scale)
    have mean 0 and spread 1; the others are 0 or 1: one of six districts, and any of four kinds of music.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        group: share of group 1.
        confounding: by how many standard deviations group 1 is poorer; 0 for groups that repay alike.
        proxies: how strongly name, district and music depend on the group; 0 for not at all.
        bias: how much a clerk of the past held group 1 against an applicant, on the scale of log odds.

    Returns:
        A data set with the names of the columns, whose ``extra`` holds ``group`` (n,) int64, ``wealth`` (n,),
        ``chance`` (n,): the true probability of repaying, and ``approved`` (n,) int64: the clerk's decision.

    Raises:
        ValueError: if a number is impossible.
    """
    draw.at_least_one(n)
    draw.within("group", (group, group), 0, 1)
    a = (draw.uniform(generator, (n,), (0, 1)) < group).float()
    wealth = draw.normal(generator, (n,)) - confounding * a
    steady = draw.normal(generator, (n,))
    chance = torch.sigmoid(1.3 * wealth + 0.9 * steady + 0.6)
    repaid = (draw.uniform(generator, (n,), (0, 1)) < chance).long()
    clerk = 1.2 * wealth + 0.8 * steady - bias * a + 0.7 * draw.normal(generator, (n,))
    x = torch.cat([money(wealth, steady, generator), habits(a, wealth, proxies, generator)], 1)
    extra = {"group": a.long(), "wealth": wealth, "chance": chance, "approved": (clerk > -0.3).long()}
    return Dataset(x, repaid, ("defaulted", "repaid"), ABOUT, extra, columns=COLUMNS)


def money(wealth: PerSample, steady: PerSample, generator: torch.Generator | None) -> Float[Tensor, "b 6"]:
    """What follows from wealth and steadiness, (n, 6): noisy, standardised as a bank would over its applicants."""
    slopes = torch.tensor(
        [[0.8, 0.3], [0.9, 0.2], [-0.5, -0.5], [0.3, 0.0], [0.1, 0.8], [-0.2, -0.9]], device=wealth.device
    )
    noise = torch.tensor([0.6, 0.6, 0.8, 1.0, 0.7, 0.6], device=wealth.device)
    columns = torch.stack([wealth, steady], 1) @ slopes.T + noise * draw.normal(generator, (len(wealth), 6))
    spread = (slopes.square().sum(1) + noise**2).sqrt()
    return columns / spread


def habits(
    a: PerSample, wealth: PerSample, proxies: Number, generator: torch.Generator | None
) -> Float[Tensor, "b 11"]:
    """What follows from the group, (n, 11): name, district (from wealth too) and music."""
    n, side = len(a), 2 * a - 1
    name = (proxies * side + 1.1 * draw.normal(generator, (n,))) / (proxies**2 + 1.21) ** 0.5
    pull = torch.tensor([-0.9, -0.6, -0.3, 0.3, 0.6, 0.9], device=a.device)
    rent = torch.tensor([0.8, 0.3, 0.2, -0.1, -0.4, -0.4], device=a.device)
    score = proxies * side[:, None] * pull + wealth[:, None] * rent
    gumbel = -torch.log(-torch.log(draw.uniform(generator, (n, 6), (1e-6, 1 - 1e-6))))
    district = torch.nn.functional.one_hot((score + gumbel).argmax(1), 6)
    taste = torch.tensor([-0.7, -0.4, 0.8, 0.2], device=a.device)
    music = draw.uniform(generator, (n, 4), (0, 1)) < torch.sigmoid(proxies * side[:, None] * taste - 0.4)
    return torch.cat([name[:, None], district, music], 1).float()
