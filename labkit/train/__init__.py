"""One loop for every method: do a step for each batch, record the epoch's means, call the callbacks.

    history[name][e] = 1/N_e * sum_{i=1..N_e} step(batch_i)[name],        e = 1, ..., epochs

where N_e counts the batches of epoch e whose step reported ``name`` (a GAN's generator may be updated less
often than its discriminator). Each batch weighs the same, also a smaller last one; what must be exact over a data set
belongs into ``evaluate``. The sums stay on the device: the host waits for it once an epoch, not once a batch.

The method itself is the ``step``: a closure that does one update and returns named scalars::

    def step(batch):
        x, y = batch
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss}

    history = fit(step, Minibatches(x, y, batch_size=64, generator=g), epochs=10, on_epoch=Progress())

Early stopping goes back to Morgan and Bourlard (1990); see Prechelt, "Early Stopping - But When?" (1998).
"""

from labkit.train.callbacks import Callback, EarlyStopping, EpochCallback, Hook, Progress
from labkit.train.history import Best, History
from labkit.train.loop import Step, fit
from labkit.train.supervised import Augment, LabelledBatch, Minibatches, descend, identity, supervised_step

__all__ = [
    "Augment",
    "Best",
    "Callback",
    "EarlyStopping",
    "EpochCallback",
    "History",
    "Hook",
    "LabelledBatch",
    "Minibatches",
    "Progress",
    "Step",
    "descend",
    "fit",
    "identity",
    "supervised_step",
]
