"""The same model and the same figures, by labkit and by others."""

import importlib.util
import warnings
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.kit import Missing, Row, seeded
from benchmarks.membership_experiments import digits
from labkit import membership, metrics, nets, train


def oracles() -> list[Row]:
    """Figures on a network that knows 200 digits by heart, and ε of two trainings, by labkit and by others."""
    if importlib.util.find_spec("art") is None:
        raise Missing("the Adversarial Robustness Toolbox is not installed")
    x, y = (part[:600] for part in digits())
    member = torch.arange(600) < 200
    torch.manual_seed(0)
    model = nets.MLP(64, 10, hidden=(64,))
    batches = train.Minibatches(x[member], y[member], batch_size=32, generator=seeded(0))
    train.fit(train.supervised_step(model, torch.optim.Adam(model.parameters(), lr=5e-3)), batches, epochs=60)
    logits = metrics.predict(model.eval(), x)
    rows = [*against_art(model, x, y, member, logits), *against_sklearn(-membership.loss(logits, y), member)]
    return [dict(zip(("figure", "labkit", "whose", "theirs"), row)) for row in [*rows, *against_opacus()]]


def against_art(model: nn.Module, x: Any, y: Any, member: Any, logits: Any) -> list[list[Any]]:
    """The rule-based attack, and the one that learns from losses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from art.attacks.inference.membership_inference import (
            MembershipInferenceBlackBox,
            MembershipInferenceBlackBoxRuleBased,
        )
        from art.estimators.classification import PyTorchClassifier
    peer = PyTorchClassifier(model, nn.CrossEntropyLoss(), input_shape=(1, 8, 8), nb_classes=10, device_type="cpu")
    theirs = MembershipInferenceBlackBoxRuleBased(peer).infer(x.numpy(), y.numpy()).reshape(-1) == 1
    ours = membership.gap_attack(logits, y)
    rows: list[list[Any]] = [
        [
            "advantage of the attack “is the model right?”",
            membership.evaluate_guesses(ours, member).advantage,
            "ART, rule-based",
            membership.evaluate_guesses(torch.from_numpy(theirs), member).advantage,
        ],
        ["records guessed differently by it", int((ours.numpy() != theirs).sum()), "ART, rule-based", 0],
    ]  # fmt: skip
    attack = MembershipInferenceBlackBox(peer, input_type="loss", attack_model_type="lr")
    attack.fit(x[member].numpy(), y[member].numpy(), x[~member].numpy(), y[~member].numpy())
    guessed = torch.from_numpy(attack.infer(x.numpy(), y.numpy(), probabilities=True).reshape(len(x), -1)[:, -1])
    own, other = [], []
    for k in range(10):
        one = y == k
        own.append(metrics.roc_auc(-membership.loss(logits[one], y[one]), member[one]))
        other.append(metrics.roc_auc(guessed[one].double(), member[one]))
    return [
        *rows,
        [
            "AUC of the loss, mean of ten classes",
            float(np.mean(own)),
            "ART, black box on losses",
            float(np.mean(other)),
        ],
    ]


def against_sklearn(scores: Any, member: Any) -> list[list[Any]]:
    """AUC, advantage, and a point of the curve."""
    from sklearn.metrics import roc_auc_score, roc_curve

    attack = membership.assess(scores, member)
    fpr, tpr, _ = roc_curve(member.numpy(), scores.numpy(), drop_intermediate=False)
    name = "scikit-learn"
    return [
        ["AUC of the loss", attack.auc, name, float(roc_auc_score(member.numpy(), scores.numpy()))],
        ["its advantage", attack.advantage, name, float((tpr - fpr).max())],
        ["its TPR at 1 % FPR", attack.tpr_at_1, name, float(tpr[fpr <= 0.01].max())],
    ]


def against_opacus() -> list[list[Any]]:
    """ε by Rényi accounting, and by Opacus's numerical composition, which is tighter; nothing without Opacus."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from opacus.accountants import PRVAccountant, RDPAccountant
    except ImportError:
        return []
    rows: list[list[Any]] = []
    for sigma, q, steps, delta in ((3.0, 0.25, 120, 1e-3), (1.0, 0.01, 1000, 1e-5)):
        ours = membership.epsilon(sigma=sigma, q=q, steps=steps, delta=delta)
        for name, kind in (("Opacus, Rényi", RDPAccountant), ("Opacus, PRV", PRVAccountant)):
            peer = kind()
            peer.history = [(sigma, q, steps)]
            label = f"ε at σ = {sigma:g}, q = {q:g}, {steps} steps, δ = {delta:g}"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows.append([label, ours, name, float(peer.get_epsilon(delta=delta))])
    return [[label, float(ours), name, float(theirs)] for label, ours, name, theirs in rows]
