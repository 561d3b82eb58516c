"""Linkage measured: against the formula, on MovieLens 100k and a simulated service, on tables, digits, and for speed.

    python -m benchmarks.linkage [oracle] [pycanon] [movielens] [promises] [phi] [service] [unique] [adult] [synthetic]
        [speed]

MovieLens 100k and Adult lie below ``LABKIT_DATA``.
"""

import csv
import importlib.util
import math
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import kit
from benchmarks.kit import Row, seeded
from labkit import data, linkage, metrics
from labkit.data.download import folders
from labkit.data.simulate import Ratings

WORLDS: Mapping[str, Mapping[str, Any]] = {
    "exact": {},
    "±1 star, ±14 days": {"stars": 1, "days": 14},
    "±14 days, two plainly wrong": {"days": 14, "wrong": 2},
    "no dates": {"dates": False},
    "no dates, none of the 100 hits": {"dates": False, "beyond": 100},
}
PROMISES: Mapping[str, tuple[float, float, tuple[int, int] | None]] = {
    "names removed": (1.0, 1.0, None),
    "half of the people": (0.5, 1.0, None),
    "a tenth of the people": (0.1, 1.0, None),
    "half of all ratings": (1.0, 0.5, None),
    "a tenth of all ratings": (1.0, 0.1, None),
    "perturbed ±1 star, ±14 days": (1.0, 1.0, (1, 14)),
    "perturbed ±2 stars, ±60 days": (1.0, 1.0, (2, 60)),
    "perturbed ±4 stars, ±200 days": (1.0, 1.0, (4, 200)),
}


def data_set(*parts: str) -> Path:
    """A file or folder in one of the folders that labkit looks in."""
    for folder in folders():
        if folder.joinpath(*parts).exists():
            return folder.joinpath(*parts)
    raise kit.Missing(f"there is no {'/'.join(parts)} in {' or '.join(map(str, folders()))}")


def movielens() -> Any:
    """MovieLens 100k."""
    data_set("ml-100k")
    return data.movielens_100k(download=False)


# ── oracle ────────────────────────────────────────────────────────────────────────────────────────────────────────────

Records = list[dict[int, tuple[int, int]]]


def records(ratings: Ratings) -> tuple[Records, Counter[int]]:
    """The release as dictionaries, and how many hold each film."""
    found: Records = [{} for _ in range(ratings.users)]
    for u, f, s, d in zip(*(v.tolist() for v in (ratings.user, ratings.film, ratings.stars, ratings.day))):
        found[u][f] = (s, d)
    return found, Counter(ratings.film.tolist())


def slow(aux: linkage.AuxiliaryInfo, target: int, found: Records, support: Counter[int]) -> list[float]:
    """The paper's formula, one record and one film at a time."""
    items = list(zip(*(v[target].tolist() for v in (aux.film, aux.stars, aux.day))))
    scores = []
    for record in found:
        total = 0.0
        for film, stars, day in items:
            if film in record:
                s, d = record[film]
                near = math.exp(-abs(stars - s) / 1.5) + math.exp(-abs(day - d) / 30)
                total += near / math.log(max(support[film], 2))
        scores.append(total)
    return scores


def beside_formula(targets: int) -> Row:
    """The largest differences to the formula, and how often the best record is the same."""
    ratings = movielens().ratings
    aux = linkage.sample_auxiliary_info(ratings, torch.arange(targets), 8, stars=1, days=14, generator=seeded(0))
    release, support = records(ratings)
    expected = torch.tensor([slow(aux, t, release, support) for t in range(targets)], dtype=torch.float64)
    sparse = linkage.scores(aux, linkage.sort_by_film(ratings)).double()
    dense = linkage.dense_scores(aux, ratings.matrix(), ratings.matrix(ratings.day)).double()
    row: Row = {}
    for name, scores in {"sparse": sparse, "dense": dense}.items():
        row[f"{name}, difference"] = float((scores - expected).abs().max())
        row[f"{name}, same best"] = int((scores.argmax(1) == expected.argmax(1)).sum())
    return row


def show_formula(rows: list[Row]) -> str:
    """In a sentence."""
    row = rows[0]
    return (
        f"Scores of {row['targets']} targets (8 ratings each) against all 943 records of MovieLens 100k, beside the "
        f"formula in plain python: largest difference {row['sparse, difference']:.1e} (sparse), "
        f"{row['dense, difference']:.1e} (dense), float32; the same best record for {row['sparse, same best']} and "
        f"{row['dense, same best']} of {row['targets']}."
    )


def beside_pycanon(tables: int) -> Row:
    """How many random tables have the same k, l and entropy l."""
    if importlib.util.find_spec("pycanon") is None:
        raise kit.Missing("pycanon is not installed")
    import pandas
    from pycanon import anonymity

    equal = 0
    for seed in range(tables):
        quasi = torch.randint(0, 4, (400, 3), generator=seeded(seed))
        sensitive = torch.randint(0, 5, (400,), generator=seeded(seed + 100))
        frame = pandas.DataFrame(torch.cat([quasi, sensitive[:, None]], 1).numpy(), columns=["a", "b", "c", "s"])
        names = ["a", "b", "c"]
        theirs = anonymity.k_anonymity(frame, names), anonymity.l_diversity(frame, names, ["s"])
        entropy = anonymity.entropy_l_diversity(frame, names, ["s"])
        ours = linkage.k_anonymity(quasi), linkage.l_diversity(quasi, sensitive)
        # pycanon gives the entropy version rounded down.
        equal += theirs == ours and entropy == int(linkage.l_diversity(quasi, sensitive, kind="entropy") + 1e-9)
    return {"equal": equal}


def show_pycanon(rows: list[Row]) -> str:
    """In a sentence."""
    tables, equal = rows[0]["tables"], rows[0]["equal"]
    return f"k, l and entropy l of {tables} random tables (400 × 3): equal to pycanon's in {equal}."


# ── MovieLens and the simulated service ───────────────────────────────────────────────────────────────────────────────


def published(ratings: Ratings, promise: str, seed: int) -> linkage.Release:
    """A release that keeps one of the promises."""
    people, share, moved = PROMISES[promise]
    g = seeded(seed)
    release = linkage.pseudonymise(ratings, fraction=people, generator=g)
    part = release.ratings
    if share < 1:
        part = linkage.sample_ratings(part, share, generator=g)
    if moved:
        part = linkage.perturb(part, stars=moved[0], days=moved[1], generator=g)
    return linkage.Release(part, release.identity)


def growth(runs: kit.Runs, ratings: Ratings, sizes: tuple[int, ...]) -> None:
    """Identified, falsely claimed, and best record right, by number of known ratings and by errors."""
    everybody = torch.arange(ratings.users)

    def run(errors: str, known: int, seed: int) -> Row:
        release, knobs = linkage.pseudonymise(ratings, generator=seeded(seed)), WORLDS[errors]
        wrong = min(int(knobs.get("wrong", 0)), known - 1)
        aux = linkage.sample_auxiliary_info(
            ratings, everybody, known, generator=seeded(50 + seed), **{**knobs, "wrong": wrong}
        )
        matches, truth = linkage.link(aux, release.ratings), release.truth(everybody)
        rates = linkage.attack_rates(matches, truth)
        best = float((matches.record == truth).double().mean())
        return {"identified": rates.identified, "false": rates.false, "best": best}

    for known in sizes:
        for errors in WORLDS:
            for seed in runs.seeds:
                runs.once(run, errors=errors, known=known, seed=seed)


def measure_movielens(runs: kit.Runs) -> None:
    """The paper's question on real ratings."""
    growth(runs, movielens().ratings, (1, 2, 3, 4, 6, 8, 12))


def measure_service(runs: kit.Runs) -> None:
    """The same for the simulator."""
    growth(runs, data.simulate.ratings(1000, generator=seeded(0)), (1, 2, 3, 4, 6, 8))


MOVIELENS = """943 people, 1,682 films, 100,000 ratings over 215 days; everybody is a target. Per cent *identified* /
*falsely claimed* (φ = 1.5) / *best record right, claimed or not*; mean ± standard deviation over five draws of what is
known. Where two are wrong and two or fewer are known, all but one are wrong."""
NETFLIX = """Narayanan and Shmatikov on the 500,000 subscribers of Netflix's release: with 8 ratings, 2 of them wrong,
dates within 14 days, 99 % of the records are uniquely identified."""
SERVICE = "`data.simulate.ratings(1000)`: 500 films, 10 to 60 ratings each, 1,000 days. As above."


def show_growth(before: str, after: str = "") -> Callable[[list[Row]], str]:
    """A line for each number of known ratings, a column for each kind of error."""

    def text(rows: list[Row]) -> str:
        cells = kit.groups(rows, "known", "errors")
        lines = [
            [known, *(triple(cells.get((known, errors), [])) for errors in WORLDS)]
            for known in dict.fromkeys(known for known, _ in cells)
        ]
        return f"{kit.flow(before)}\n\n{kit.table(['known', *WORLDS], lines)}\n\n{kit.flow(after)}".strip()

    return text


def triple(rows: list[Row]) -> str:
    """Identified, falsely claimed, best record right."""
    return " / ".join(kit.mean(rows, figure, percent=True) for figure in ("identified", "false", "best"))


def measure_promises(runs: kit.Runs) -> None:
    """What sampling and perturbation do, inside and outside the release, and what is learned about people."""
    ratings = movielens().ratings
    for release in PROMISES:
        for seed in runs.seeds:
            runs.once(partial(promise_run, ratings), release=release, seed=seed)


def measure_phi(runs: kit.Runs) -> None:
    """Rates against φ, a tenth of the people released."""
    ratings = movielens().ratings
    for phi in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0):
        for seed in runs.seeds:
            runs.once(partial(promise_run, ratings, "a tenth of the people", private=False), phi=phi, seed=seed)


def promise_run(ratings: Ratings, release: str, seed: int, *, phi: float = 1.5, private: bool = True) -> Row:
    """One release of one kind: what is claimed inside and outside, and private opinions if they are asked for."""
    own, everybody = published(ratings, release, seed), torch.arange(ratings.users)
    aux = linkage.sample_auxiliary_info(ratings, everybody, 8, days=14, wrong=2, generator=seeded(50 + seed))
    truth = own.truth(everybody)
    inside = linkage.attack_rates(linkage.link(aux.take(truth >= 0), own.ratings, phi=phi), truth[truth >= 0])
    absent = truth < 0
    part = own.ratings
    if not bool(absent.any()):
        # Everybody is in it: take a fifth of the records out and ask for their owners.
        absent = torch.isin(everybody, own.identity[: ratings.users // 5])
        part = part.take(part.user >= ratings.users // 5)
    outside = linkage.attack_rates(linkage.link(aux.take(absent), part, phi=phi), torch.full((int(absent.sum()),), -1))
    claims = {"identified": inside.identified, "false": inside.false, "outside": outside.false}
    return claims | (opinions(ratings, own, seed) if private else {})


def opinions(ratings: Ratings, release: linkage.Release, seed: int) -> Row:
    """Right about private opinions: after linking, and by guessing what most think."""
    private = torch.randperm(ratings.films, generator=seeded(seed))[: ratings.films // 10]
    hidden = torch.zeros(ratings.films, dtype=torch.bool).index_fill_(0, private, True)
    inside = release.identity[:300]
    aux = linkage.sample_auxiliary_info(
        ratings.take(~hidden[ratings.film]), inside, 8, days=14, wrong=2, generator=seeded(90 + seed)
    )
    read = linkage.disclosed_stars(linkage.link(aux, release.ratings), release.ratings, private)
    real = ratings.matrix()[:, private][inside]
    usual = (release.ratings.matrix()[:, private].nanmean(0).nan_to_num(3.5) >= 3.5).expand_as(read)
    guess, asked, likes = torch.where(read.isnan(), usual, read >= 4), ~real.isnan(), real >= 4
    rights = {"opinions": guess == likes, "guessed": usual == likes}
    return {name: float(right[asked].double().mean()) for name, right in rights.items()}


PROMISED = """MovieLens 100k; eight known ratings, two of them wrong, dates ±14 days; φ = 1.5; five releases. *Outside*:
people who are not in the release (in the others their records were taken out). *Private opinions*: on a random tenth
of the films, which the adversary knows nothing about; is a rating 4 or 5? Right about the ratings of 300 people, where
silence is filled in with what most people in the release think (alone: last column)."""


def show_promises(rows: list[Row]) -> str:
    """A line a release."""
    columns = {
        "inside: identified": "identified",
        "inside: falsely claimed": "false",
        "outside: falsely claimed": "outside",
        "private opinions": "opinions",
        "guessed": "guessed",
    }
    return f"{kit.flow(PROMISED)}\n\n{kit.means(rows, 'release', columns, percent=True, corner='release')}"


def show_phi(rows: list[Row]) -> str:
    """A line for each φ."""
    columns = {"inside: identified": "identified", "outside: falsely claimed": "outside"}
    table = kit.means(rows, "phi", columns, percent=True, corner="φ")
    return f"φ against claims, a tenth of the people released:\n\n{table}"


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def adult(name: str) -> tuple[Tensor, Tensor]:
    """Adult's numbers, sex and years of education (n, 6), and who earns more than 50,000."""
    rows, y = [], []
    with data_set("adult", name).open(encoding="utf-8") as file:
        for line in csv.reader(file, skipinitialspace=True):
            if len(line) == 15:
                rows.append([float(line[i]) for i in (0, 4, 10, 11, 12)] + [float(line[9] == "Male")])
                y.append(line[14].startswith(">50K"))
    return torch.tensor(rows), torch.tensor(y).long()


def measure_unique(runs: kit.Runs) -> None:
    """Real people by their quasi-identifiers."""
    lens = movielens()
    columns = {
        "age": lens.age, "+ sex": lens.female.long(), "+ occupation": lens.occupation, "+ postcode": lens.postcode,
    }  # fmt: skip

    def run(known: str) -> Row:
        used = list(columns.values())[: list(columns).index(known) + 1]
        sizes = linkage.group_sizes(torch.stack(used, 1))
        return {"unique": float((sizes == 1).double().mean()), "k": int(sizes.min())}

    for known in columns:
        runs.once(run, known=known)


def show_unique(rows: list[Row]) -> str:
    """A line for each set of columns."""
    lines = [[row["known"], f"{100 * row['unique']:.1f} %", row["k"]] for row in rows]
    words = "Unique among the 943 people of MovieLens 100k by what the files say of them:"
    return f"{words}\n\n{kit.table(['known', 'unique', 'k'], lines)}"


def measure_adult(runs: kit.Runs) -> None:
    """k against what it costs and what it leaves open."""
    train, test = adult("adult.data"), adult("adult.test")
    mean, deviation = train[0].mean(0), train[0].std(0)

    def accuracy(x: Tensor) -> float:
        model = LogisticRegression(max_iter=1000).fit(((x - mean) / deviation).numpy(), train[1].numpy())
        return float(model.score(((test[0] - mean) / deviation).numpy(), test[1].numpy()))

    def run(k: int, l: int) -> Row:  # noqa: E741
        boxes = linkage.mondrian(train[0], k=k, sensitive=train[1], l=l)
        rich = torch.bincount(boxes.group, weights=train[1].double()) / torch.bincount(boxes.group)
        away = float(((rich == 0) | (rich == 1))[boxes.group].double().mean())
        return {
            "groups": len(rich), "penalty": boxes.penalty(), "accuracy": accuracy(boxes.middle()), "given away": away,
            "people": len(train[1]), "tested": len(test[1]),
        }  # fmt: skip

    for k, l in ((1, 1), (2, 1), (5, 1), (10, 1), (50, 1), (200, 1), (5, 2), (50, 2)):  # noqa: E741
        runs.once(run, k=k, l=l)


ADULT = """Adult: {people:,} people, six quasi-identifiers (age, education, capital gain and loss, hours, sex), the
sensitive value is the income (above 50,000 or not). Mondrian, one run (there is no chance in it); logistic regression
on the middles of the boxes, tested on {tested:,} real people. *Given away*: people in whose box everybody has the same
income class."""


def show_adult(rows: list[Row]) -> str:
    """A line for each k and l."""
    head = ["k", "l demanded", "groups", "penalty", "accuracy, %", "given away, %"]
    lines = [
        [row["k"], row["l"], row["groups"], f"{row['penalty']:.3f}"]
        + [f"{100 * row[figure]:.1f}" for figure in ("accuracy", "given away")]
        for row in rows
    ]
    return f"{kit.flow(ADULT.format(**rows[0]))}\n\n{kit.table(head, lines)}"


# ── synthetic ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def gan(x: Tensor, y: Tensor, seed: int, *, steps: int) -> tuple[Callable[[Tensor], Tensor], Callable[..., Tensor]]:
    """A small class-conditional GAN of digits: its sampler and its discriminator."""
    torch.manual_seed(seed)
    G = nn.Sequential(nn.Linear(26, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())
    D = nn.Sequential(nn.Linear(74, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    g_step, d_step = (torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.5, 0.999)) for net in (G, D))
    for _ in range(steps):
        some = torch.randint(0, len(x), (64,))
        c = functional.one_hot(y[some], 10).float()
        real = torch.cat([x[some].flatten(1), c], 1)
        fake = torch.cat([G(torch.cat([torch.randn(64, 16), c], 1)), c], 1)
        loss = functional.softplus(-D(real)).mean() + functional.softplus(D(fake.detach())).mean()
        d_step.zero_grad()
        loss.backward()
        d_step.step()
        loss = functional.softplus(-D(fake)).mean()
        g_step.zero_grad()
        loss.backward()
        g_step.step()

    def sample(y: Tensor) -> Tensor:
        c = functional.one_hot(y, 10).float()
        return G(torch.cat([torch.randn(len(y), 16), c], 1)).detach().view(-1, 1, 8, 8)

    return sample, lambda x, y: D(torch.cat([x.flatten(1), functional.one_hot(y, 10).float()], 1)).detach()[:, 0]


def synthetic(members: int, seed: int) -> list[Row]:
    """Utility and the distance attack for each kind of release: a row each."""
    digits, test, ten = data.digits("train"), data.digits("test"), torch.arange(10).repeat(100)
    g = seeded(seed)
    rest, own = digits.split(test=members // 10, generator=g)
    others = rest.subset(per_class=members // 10, generator=g)
    which = torch.randint(0, len(own), (1000,), generator=g)
    releases = {
        f"copies, noise {v}": (linkage.copies(own.x, which, sigma=v, generator=g), own.y[which])
        for v in (0.0, 0.2, 0.4, 0.8)
    }
    for r in (0, 2, 8):
        model = linkage.Factors.fit(own.x, own.y, rank=r)
        releases[f"Gaussian, {r} factors"] = (model.sample(ten, generator=g), ten)
    sample, D = gan(own.x, own.y, seed, steps=1500)
    releases["GAN"] = (sample(ten), ten)
    both = torch.cat([own.x, others.x])
    inside = torch.arange(len(both)) < len(own)
    rows: list[Row] = []
    for name, (x, y) in releases.items():
        learner = LogisticRegression(max_iter=300).fit(x.flatten(1).numpy(), y.numpy())
        useful = float(learner.score(test.x.flatten(1).numpy(), test.y.numpy()))
        near = metrics.roc_auc(-linkage.distance_to_closest_record(both, x), inside)
        rows.append({"release": name, "useful": useful, "distance": near})
    rows[-1]["D"] = metrics.roc_auc(D(both, torch.cat([own.y, others.y])), inside)
    return rows


def measure_synthetic(runs: kit.Runs) -> None:
    """Few members and more."""
    for members in (100, 400):
        for seed in runs.seeds:
            runs.once(synthetic, members=members, seed=seed)


SYNTHETIC = """scikit-learn's digits; 1,000 released pictures. *Useful*: accuracy on 500 real digits of a logistic
regression trained on the release. *Distance*: AUC of −distance to the nearest released picture, members against as
many digits that were not used. *D*: AUC of the GAN's own discriminator, which a careful owner would not publish. Five
draws of the members. The GAN: 1,500 steps, two layers of 64."""


def show_synthetic(rows: list[Row]) -> str:
    """A line a release, three columns for each number of members."""
    sizes = [members for (members,) in kit.groups(rows, "members")]
    head = ["release", *(name for n in sizes for name in (f"{n} members: useful", "distance", "D"))]
    lines = []
    for (release,), same in kit.groups(rows, "release").items():
        line = [release]
        for (_,), own in kit.groups(same, "members").items():
            line += [kit.mean(own, figure, percent=True) for figure in ("useful", "distance")]
            line.append(kit.mean(own, "D", percent=True) if kit.values(own, "D") else "")
        lines.append(line)
    return f"{kit.flow(SYNTHETIC)}\n\n{kit.table(head, lines)}"


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def large(users: int, films: int, per_user: int, seed: int) -> Ratings:
    """A service too large for the simulator's table: films by popularity 1/rank^.8, each once a user."""
    g = seeded(seed)
    share = 1 / (torch.arange(films) + 1.0) ** 0.8
    film = torch.multinomial(share, users * per_user, replacement=True, generator=g)
    pair = (torch.arange(users).repeat_interleave(per_user) * films + film).unique()
    n = len(pair)
    user, film = pair.div(films, rounding_mode="floor"), pair % films
    stars, day = torch.randint(1, 6, (n,), generator=g), torch.randint(0, 1000, (n,), generator=g)
    return Ratings(user, film, stars, day, users, films, 1000, data.About("large", "simulated"))


def race(users: int, films: int, per_user: int) -> Row:
    """Candidates a second: the attack, and the loop in plain python."""
    ratings = large(users, films, per_user, 0)
    start = time.process_time()
    table = linkage.sort_by_film(ratings)
    prepared = time.process_time() - start
    many, few = 128, max(1, 20_000 // users)
    aux = linkage.sample_auxiliary_info(ratings, torch.arange(many), 8, stars=1, days=14, generator=seeded(1))
    release, support = records(ratings)

    def loop() -> None:
        for target in range(few):
            linkage.eccentricity_test(torch.tensor(slow(aux, target, release, support))[None])

    seconds = kit.race({"labkit": lambda: linkage.link(aux, table), "loop": loop}, rounds=3, least=0)
    return {
        "ratings": len(ratings), "prepared": prepared, "labkit": many * users / min(seconds["labkit"]),
        "loop": few * users / min(seconds["loop"]), "python": platform.python_version(), "torch": torch.__version__,
    }  # fmt: skip


def measure_speed(runs: kit.Runs) -> None:
    """Services of three sizes."""
    for users, films, per_user in ((1000, 500, 35), (10_000, 2000, 60), (100_000, 10_000, 100)):
        runs.once(race, users=users, films=films, per_user=per_user)


SPEED = """Eight known ratings a target; a candidate is one record scored for one target, and the decision is included.
CPU seconds, one thread, best of three alternating repeats; python {python}, torch {torch}. The loop is the formula
above over dictionaries. *Prepared*: sorting the release once."""


def speed_line(row: Row) -> list[str]:
    """A service's sizes, and candidates a second."""
    size = [f"{row['users']:,} × {row['films']:,}", f"{row['ratings']:,}", f"{row['prepared']:.2f}"]
    return [*size, f"{row['labkit']:.2e}", f"{row['loop']:.2e}", f"{row['labkit'] / row['loop']:.0f}"]


def show_speed(rows: list[Row]) -> str:
    """A line a service."""
    head = ["records × films", "ratings", "prepared, s", "labkit, candidates/s", "python loop, candidates/s", "ratio"]
    return f"{kit.flow(SPEED.format(**rows[0]))}\n\n{kit.table(head, map(speed_line, rows))}"


BENCHMARK = kit.Benchmark(
    "linkage",
    "Linkage, measured",
    "",
    [
        kit.Part("oracle", lambda runs: runs.once(beside_formula, targets=20), show_formula, "Against the formula"),
        kit.Part("pycanon", lambda runs: runs.once(beside_pycanon, tables=20), show_pycanon),
        kit.Part(
            "movielens",
            measure_movielens,
            show_growth(MOVIELENS, NETFLIX),
            "How much must one know? MovieLens 100k",
        ),
        kit.Part("promises", measure_promises, show_promises, "Sampling, perturbation, and people who are not there"),
        kit.Part("phi", measure_phi, show_phi),
        kit.Part("service", measure_service, show_growth(SERVICE), "The simulated service"),
        kit.Part("unique", measure_unique, show_unique, "Tables: what k costs and what it leaves open"),
        kit.Part("adult", measure_adult, show_adult),
        kit.Part("synthetic", measure_synthetic, show_synthetic, "Synthetic release"),
        kit.Part("speed", measure_speed, show_speed, "Speed"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
