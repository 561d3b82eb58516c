"""Steps 5 and 6: train the head on features computed once; fine-tune at a low rate.

    step 5      min over W, b      1/n Σ_i CE(W h_i + b, y_i) + weight_decay/2 ‖W‖²,            h_i = f(x_i), f frozen

is the problem of multinomial logistic regression (scikit-learn's with C = 1/(n weight_decay)), and convex. The features
do not change while f rests, so they are computed once.

    step 6      η_head = η,    η_l = η / factor^(L + 1 − l),    l = L, …, 1

lets every stage learn, the early ones most slowly. Sources: Razavian et al., "CNN Features off-the-shelf" (2014) for
step 5; Howard and Ruder, "Universal Language Model Fine-tuning" (2018) for discriminative rates (factor 2.6) and
gradual unfreezing; Kumar et al., "Fine-Tuning Can Distort Pretrained Features" (2022) for the order: head first.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from labkit import metrics
from labkit.finetune.network import Network, stages
from labkit.logits import cross_entropy
from labkit.nets import eval_mode, seeded_weights
from labkit.shapes import Float, Images, Labels
from labkit.train import EarlyStopping, History, Minibatches, fit, supervised_step


def cached_features(model: Network, x: Images, *, batch_size: int = 256) -> Float[Tensor, "b n"]:
    """The features (B, width) of a frozen base, computed once, in evaluation mode.

    Raises:
        ValueError: if the base is not frozen, or ``x`` is empty.
    """
    learning = [name for name, p in model.body.named_parameters() if p.requires_grad]
    if learning:
        raise ValueError(f"{learning[0]} and {len(learning) - 1} more can still learn, so features would grow old: "
                         "freeze the base first")  # fmt: skip
    if len(x) < 1:
        raise ValueError("there are no images; expected at least one")
    with eval_mode(model), torch.no_grad():
        return torch.cat([model.features(part) for part in x.split(batch_size)])


def train_head(
    model: Network, h: Float[Tensor, "b n"], y: Labels, *, weight_decay: float = 1e-2, steps: int = 200
) -> Network:
    """Step 5, in place: the head that minimises the cross-entropy over cached features; the base is not touched.

    All samples at once, by L-BFGS: for a linear head it finds *the* minimum, whatever the head began with.

    Args:
        model: with a new head.
        h: the features, from ``cached_features``.
        y: the labels.
        weight_decay: of the weights, not of the biases, as in the module's equation.
        steps: of L-BFGS at most.

    Returns:
        The model itself.

    Raises:
        ValueError: if features and labels don't fit each other or the head, or ``weight_decay`` is below 0.
    """
    if h.ndim != 2 or h.shape[1] != model.width or len(h) != len(y) or len(y) == 0:
        raise ValueError(f"h has shape {tuple(h.shape)} for {len(y)} labels; expected ({len(y)}, {model.width})")
    if weight_decay < 0:
        raise ValueError(f"weight_decay is {weight_decay}; expected 0 or more")
    parameters = list(model.head.parameters())
    weights = [p for p in parameters if p.ndim > 1]
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=steps, tolerance_grad=1e-6, tolerance_change=1e-10, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        penalty = sum((w.square().sum() for w in weights), h.new_zeros(()))
        loss = cross_entropy(model.head(h), y) + weight_decay / 2 * penalty
        loss.backward()
        return loss

    optimizer.step(closure)
    return model


def discriminative_rates(model: Network, *, lr: float, factor: float = 2.6) -> list[float]:
    """The learning rate of each stage from the first to the last, and the head's.

    Raises:
        ValueError: if ``lr`` is not above 0, or ``factor`` is below 1.
    """
    if lr <= 0 or factor < 1:
        raise ValueError(f"lr is {lr} and factor {factor}; expected a rate above 0 and a factor from 1")
    n = len(stages(model))
    return [lr / factor ** (n - i) for i in range(n + 1)]


def parameter_groups(model: Network, *, lr: float, factor: float = 2.6, frozen: bool = False) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser, one for each stage and one for the head, each with its own rate.

    Args:
        model: whose parameters they are.
        lr: the head's rate.
        factor: by how much a stage learns more slowly than the one after it; 1 for one rate everywhere.
        frozen: whether frozen parameters belong to them as well: they get no gradient, until they are unfrozen.

    Raises:
        ValueError: as ``discriminative_rates``, or if nothing is trainable.
    """
    groups = []
    for part, rate in zip([*stages(model), model.head], discriminative_rates(model, lr=lr, factor=factor)):
        parameters = [p for p in part.parameters() if p.requires_grad or frozen]
        if parameters:
            groups.append({"params": parameters, "lr": rate})
    if not groups:
        raise ValueError("nothing is trainable; expected a head, or a stage that is not frozen")
    return groups


def unfreeze(model: Network, *, every: int = 1) -> Callable[[History], None]:
    """Gradual unfreezing: a callback for ``fit`` that frees the last frozen stage after each ``every`` epochs.

    Raises:
        ValueError: if ``every`` is below 1.
    """
    if every < 1:
        raise ValueError(f"every is {every}; expected 1 epoch or more")

    def unfreeze_next(history: History) -> None:
        if history.epoch % every == 0:
            resting = [s for s in stages(model) if not any(p.requires_grad for p in s.parameters())]
            for stage in resting[-1:]:
                stage.requires_grad_(True)

    return unfreeze_next


def fine_tune(
    model: Network,
    x: Images,
    y: Labels,
    *,
    lr: float = 1e-3,
    factor: float = 2.6,
    epochs: int = 20,
    batch_size: int = 32,
    held_back: tuple[Images, Labels] | None = None,
    patience: int = 5,
    gradual: int = 0,
    generator: torch.Generator,
) -> History:
    """Step 6, in place: train what is not frozen, and the head, at a low rate; stop early on images held back.

    Args:
        model: with a trained head: a new one would send large, random gradients into the base.
        x: images.
        y: their labels.
        lr: Adam's for the head; see ``discriminative_rates``.
        factor: between one stage's rate and the next one's.
        epochs: at most.
        batch_size: images in a batch.
        held_back: images and labels to stop on: the best weights by their cross-entropy are kept. None: no stopping.
        patience: epochs without improvement to bear.
        gradual: after how many epochs to unfreeze the next stage, again and again; 0 unfreezes nothing.
        generator: the order of the images.

    Returns:
        The history: ``loss``, ``accuracy``, and ``val_loss``, ``val_accuracy`` where images are held back.

    Raises:
        ValueError: as ``discriminative_rates`` and ``labkit.train``.
    """
    optimizer = torch.optim.Adam(parameter_groups(model, lr=lr, factor=factor, frozen=gradual > 0))

    def evaluate() -> dict[str, Tensor | float]:
        if held_back is None:
            return {}
        logits = metrics.predict(model, held_back[0])
        loss = cross_entropy(logits, held_back[1])
        return {"val_loss": loss, "val_accuracy": metrics.accuracy(logits, held_back[1])}

    callbacks: list[Any] = [unfreeze(model, every=gradual)] if gradual > 0 else []
    callbacks += [EarlyStopping(model, "val_loss", patience=patience)] if held_back is not None else []
    batches = Minibatches(x, y, batch_size=min(batch_size, len(x)), generator=generator)
    return fit(supervised_step(model, optimizer), batches, epochs=epochs, evaluate=evaluate, on_epoch=callbacks)


def reset_parameters(model: nn.Module, *, generator: torch.Generator) -> None:
    """Forget everything, in place: every layer begins anew, as if it had never been trained."""
    with seeded_weights(generator):
        for layer in model.modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
