"""Answers to exercise 12 that students plausibly give."""

import math

import torch

from tests.mistakes import mistake, right

# ── discriminator_loss ────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("gan.discriminator_loss", says="not finite")
def logarithms_of_probabilities(real, fake):
    return -torch.log(real.sigmoid()).mean() - torch.log(1 - fake.sigmoid()).mean()


@mistake("gan.discriminator_loss", says="cut off")
def a_small_number_in_the_logarithm(real, fake):
    return -torch.log(real.sigmoid() + 1e-8).mean() - torch.log(1 - fake.sigmoid() + 1e-8).mean()


@mistake("gan.discriminator_loss", says="cut off")
def binary_cross_entropy_of_probabilities(real, fake):
    bce = torch.nn.functional.binary_cross_entropy
    return bce(real.sigmoid(), torch.ones_like(real)) + bce(fake.sigmoid(), torch.zeros_like(fake))


@mistake("gan.discriminator_loss", says="exchanged")
def exchanges_real_and_fake(real, fake):
    plus = torch.nn.functional.softplus
    return plus(real).mean() + plus(-fake).mean()


@mistake("gan.discriminator_loss", says="are to be called real")
def calls_everything_fake(real, fake):
    plus = torch.nn.functional.softplus
    return plus(real).mean() + plus(fake).mean()


@mistake("gan.discriminator_loss", says="sign")
def maximises_instead_of_minimising(real, fake):
    logsigmoid = torch.nn.functional.logsigmoid
    return logsigmoid(real).mean() + logsigmoid(-fake).mean()


@mistake("gan.discriminator_loss", says="half of it")
def takes_the_mean_of_both_terms(real, fake):
    plus = torch.nn.functional.softplus
    return (plus(-real).mean() + plus(fake).mean()) / 2


@mistake("gan.discriminator_loss", says="added up over the batch")
def sums_over_the_batch(real, fake):
    plus = torch.nn.functional.softplus
    return plus(-real).sum() + plus(fake).sum()


@mistake("gan.discriminator_loss", says="log(1 − D)")
def calls_the_fakes_real(real, fake):
    plus = torch.nn.functional.softplus
    return plus(-real).mean() + plus(-fake).mean()


@right("gan.discriminator_loss")
def cross_entropy_with_logits(real, fake):
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    return bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))


@right("gan.discriminator_loss")
def by_logsigmoid(real, fake):
    logsigmoid = torch.nn.functional.logsigmoid
    return -(logsigmoid(real).mean() + logsigmoid(-fake).mean())


@right("gan.discriminator_loss")
def by_logaddexp(real, fake):
    zero = torch.zeros((), dtype=real.dtype)
    return torch.logaddexp(zero, -real).mean() + torch.logaddexp(zero, fake).mean()


# ── slopes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("gan.slopes", says="probability already")
def takes_d_for_a_logit(d):
    return -torch.sigmoid(d), torch.sigmoid(d) - 1


@mistake("gan.slopes", says="not in its logit")
def derives_for_the_probability(d):
    return -1 / (1 - d), -1 / d


@mistake("gan.slopes", says="exchanged")
def exchanges_the_two(d):
    return d - 1, -d


@mistake("gan.slopes", says="wrong sign")
def forgets_the_minus(d):
    return d, 1 - d


@mistake("gan.slopes", says="slope of the sigmoid")
def stops_at_the_sigmoid(d):
    return d * (1 - d), d * (1 - d)


@mistake("gan.slopes", says="one tensor")
def gives_one_of_them(d):
    return d - 1


@right("gan.slopes")
def by_autograd(d):
    s = torch.logit(d).requires_grad_()
    plus = torch.nn.functional.softplus
    return torch.autograd.grad(-plus(s).sum(), s)[0], torch.autograd.grad(plus(-s).sum(), s)[0]


@right("gan.slopes")
def by_the_chain_rule(d):
    through = d * (1 - d)
    return [through * -1 / (1 - d), through * -1 / d]


# ── players ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("gan.players", says="cut them off")
def forgets_to_detach(G, D, x, z):
    plus, fake = torch.nn.functional.softplus, G(z)
    return plus(-D(x)).mean() + plus(D(fake)).mean(), plus(-D(fake)).mean()


@mistake("gan.players", says="learns nothing")
def detaches_for_both(G, D, x, z):
    plus, fake = torch.nn.functional.softplus, G(z).detach()
    return plus(-D(x)).mean() + plus(D(fake)).mean(), plus(-D(fake)).mean()


@mistake("gan.players", says="the saturating one")
def plays_the_minimax_game(G, D, x, z):
    plus, fake = torch.nn.functional.softplus, G(z)
    return plus(-D(x)).mean() + plus(D(fake.detach())).mean(), -plus(D(fake)).mean()


@mistake("gan.players", says="help D")
def lets_the_generator_confess(G, D, x, z):
    plus, fake = torch.nn.functional.softplus, G(z)
    return plus(-D(x)).mean() + plus(D(fake.detach())).mean(), plus(D(fake)).mean()


@mistake("gan.players", says="d_loss comes first")
def returns_them_in_the_other_order(G, D, x, z):
    plus, fake = torch.nn.functional.softplus, G(z)
    return plus(-D(fake)).mean(), plus(-D(x)).mean() + plus(D(fake.detach())).mean()


@mistake("gan.players", says="forgets the real samples")
def shows_d_fakes_only(G, D, x, z):
    plus, fake = torch.nn.functional.softplus, G(z)
    return plus(D(fake.detach())).mean(), plus(-D(fake)).mean()


@right("gan.players")
def with_no_grad_around_the_fakes(G, D, x, z):
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    with torch.no_grad():
        still = G(z)
    real, fake, moving = D(x), D(still), D(G(z))
    one, zero = torch.ones_like(real), torch.zeros_like(fake)
    return bce(real, one) + bce(fake, zero), bce(moving, torch.ones_like(moving))


@right("gan.players")
def by_log_of_sigmoids(G, D, x, z):
    fake = G(z)
    logsigmoid = torch.nn.functional.logsigmoid
    d_loss = -logsigmoid(D(x)).mean() - logsigmoid(-D(fake.detach())).mean()
    return d_loss, -logsigmoid(D(fake)).mean()


# ── class_term ────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("gan.class_term", says="fakes are missing")
def of_real_samples_only(real, y, fake, y_fake):
    return torch.nn.functional.cross_entropy(real, y)


@mistake("gan.class_term", says="one minus the other")
def as_if_the_players_disagreed(real, y, fake, y_fake):
    ce = torch.nn.functional.cross_entropy
    return ce(real, y) - ce(fake, y_fake)


@mistake("gan.class_term", says="softmax twice")
def softmax_before_the_cross_entropy(real, y, fake, y_fake):
    ce = torch.nn.functional.cross_entropy
    return ce(real.softmax(1), y) + ce(fake.softmax(1), y_fake)


@mistake("gan.class_term", says="half of it")
def halves_it(real, y, fake, y_fake):
    ce = torch.nn.functional.cross_entropy
    return 0.5 * (ce(real, y) + ce(fake, y_fake))


@mistake("gan.class_term", says="sign")
def as_the_paper_maximises_it(real, y, fake, y_fake):
    first = real.log_softmax(1).gather(1, y[:, None]).mean()
    return first + fake.log_softmax(1).gather(1, y_fake[:, None]).mean()


@mistake("gan.class_term", says="its own mean")
def one_mean_over_all(real, y, fake, y_fake):
    return 2 * torch.nn.functional.cross_entropy(torch.cat([real, fake]), torch.cat([y, y_fake]))


@right("gan.class_term")
def by_log_softmax(real, y, fake, y_fake):
    first = real.log_softmax(1).gather(1, y[:, None]).mean()
    return -first - fake.log_softmax(1).gather(1, y_fake[:, None]).mean()


@right("gan.class_term")
def sample_by_sample(real, y, fake, y_fake):
    total = torch.zeros((), dtype=real.dtype)
    for logits, labels in ((real, y), (fake, y_fake)):
        for row, k in zip(logits, labels.tolist()):
            total = total + (torch.logsumexp(row, 0) - row[k]) / len(logits)
    return total


# ── copy_score ────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("gan.copy_score", says="far *below* 0")
def turns_the_sign(generated, training, held_out):
    flat = training.flatten(1)
    d, e = (torch.cdist(v.flatten(1), flat).amin(1) for v in (generated, held_out))
    n, m = len(d), len(e)
    u = (d[:, None] < e).double().sum()
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


@mistake("gan.copy_score", says="U itself")
def gives_u(generated, training, held_out):
    flat = training.flatten(1)
    d, e = (torch.cdist(v.flatten(1), flat).amin(1) for v in (generated, held_out))
    return (d[:, None] > e).double().sum()


@mistake("gan.copy_score", says="make a z-score")
def gives_the_share_of_pairs(generated, training, held_out):
    flat = training.flatten(1)
    d, e = (torch.cdist(v.flatten(1), flat).amin(1) for v in (generated, held_out))
    return (d[:, None] > e).double().mean()


@mistake("gan.copy_score", says="*from* the training")
def takes_the_minimum_over_the_wrong_side(generated, training, held_out):
    flat = training.flatten(1)
    d, e = (torch.cdist(v.flatten(1), flat).amin(0) for v in (generated, held_out))
    n, m = len(d), len(e)
    u = (d[:, None] > e).double().sum() + 0.5 * (d[:, None] == e).double().sum()
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


@mistake("gan.copy_score", says="sees no copy")
def takes_the_mean_distance(generated, training, held_out):
    flat = training.flatten(1)
    d, e = (torch.cdist(v.flatten(1), flat).mean(1) for v in (generated, held_out))
    n, m = len(d), len(e)
    u = (d[:, None] > e).double().sum()
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


@mistake("gan.copy_score", says="*root*")
def divides_by_the_variance(generated, training, held_out):
    flat = training.flatten(1)
    d, e = (torch.cdist(v.flatten(1), flat).amin(1) for v in (generated, held_out))
    n, m = len(d), len(e)
    u = (d[:, None] > e).double().sum()
    return (u - n * m / 2) / (n * m * (n + m + 1) / 12)


@mistake("gan.copy_score", says="one number")
def gives_every_distance(generated, training, held_out):
    return torch.cdist(generated.flatten(1), training.flatten(1)).amin(1)


@right("gan.copy_score")
def by_scipy(generated, training, held_out):
    from scipy.stats import mannwhitneyu

    flat = training.flatten(1)
    d, e = (torch.cdist(v.flatten(1), flat).amin(1) for v in (generated, held_out))
    n, m = len(d), len(e)
    u = mannwhitneyu(d.numpy(), e.numpy()).statistic
    return torch.tensor((u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12))


@right("gan.copy_score")
def pair_by_pair(generated, training, held_out):
    def to_training(v):
        return [min(float((one - t).norm()) for t in training) for one in v]

    d, e = to_training(generated), to_training(held_out)
    n, m = len(d), len(e)
    u = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in d for b in e)
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


# ── cas ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("gan.cas", says="tested on generated")
def tests_on_what_it_learned(learn, x, y, test_x, test_y):
    return (learn(x, y)(x).argmax(1) == y).double().mean()


@mistake("gan.cas", says="the other way round")
def learns_from_the_real_ones(learn, x, y, test_x, test_y):
    return (learn(test_x, test_y)(x).argmax(1) == y).double().mean()


@mistake("gan.cas", says="trained on the real samples")
def never_looks_at_the_generated_ones(learn, x, y, test_x, test_y):
    return (learn(test_x, test_y)(test_x).argmax(1) == test_y).double().mean()


@mistake("gan.cas", says="in per cent")
def in_per_cent(learn, x, y, test_x, test_y):
    return 100 * (learn(x, y)(test_x).argmax(1) == test_y).double().mean()


@mistake("gan.cas", says="one number")
def gives_a_yes_or_no_for_each(learn, x, y, test_x, test_y):
    return (learn(x, y)(test_x).argmax(1) == test_y).double()


@mistake("gan.cas", says="number of right answers")
def counts_the_right_ones(learn, x, y, test_x, test_y):
    return (learn(x, y)(test_x).argmax(1) == test_y).double().sum()


@right("gan.cas")
def counts_one_by_one(learn, x, y, test_x, test_y):
    model = learn(x, y)
    hits = [int(model(one[None])[0].argmax()) == int(k) for one, k in zip(test_x, test_y)]
    return sum(hits) / len(hits)


@right("gan.cas")
def with_softmax_and_no_grad(learn, x, y, test_x, test_y):
    model = learn(x, y).eval()
    with torch.no_grad():
        predicted = model(test_x).softmax(dim=1).max(dim=1).indices
    return predicted.eq(test_y).float().mean()
