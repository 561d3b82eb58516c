"""Train the small network that comes with topic 14, on characters and shapes by the course's own simulators.

    python -m benchmarks.finetune source [--set seed=0] [--set images=40000] [--set epochs=12]

Writes ``small_cnn.safetensors`` (half precision) and ``small_cnn.json``: what, with which seed, for how long, how good.
"""

import json
import time
from pathlib import Path

import safetensors.torch
import torch

from benchmarks import kit
from labkit import metrics, nets, train
from labkit.device import seed as seeded
from labkit.finetune import bundled

FOLDER = str(Path(bundled.__file__).parent)


def source(_: kit.Runs, *, seed: int = 0, images: int = 40_000, epochs: int = 12, folder: str = FOLDER) -> None:
    """Train, measure, write."""
    g = seeded(seed)
    learn, test = bundled.source_task(images, generator=g), bundled.source_task(6600, generator=g)
    begin = time.process_time()
    model = nets.CNN(1, len(bundled.CLASSES), width=bundled.WIDTH, depth=bundled.DEPTH, mean=0.2, std=0.3)
    batches = train.Minibatches(learn.x, learn.y, batch_size=64, generator=g)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * len(batches))
    plain = train.supervised_step(model, optimizer)

    def step(batch: tuple[torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
        reported = plain(batch)
        schedule.step()
        return reported

    train.fit(step, batches, epochs=epochs, on_epoch=lambda h: print(h.epoch, h.last, flush=True))
    seconds = time.process_time() - begin
    weights = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})
    about = {
        "script": "benchmarks/finetune_source.py", "data": "labkit.finetune.source_task: simulated, free of rights",
        "seed": seed, "images": images, "epochs": epochs,
        "cpu_seconds": round(seconds), "parameters": nets.parameter_count(model),
        "accuracy on its own task": round(metrics.accuracy(metrics.predict(model, test.x), test.y), 4),
    }  # fmt: skip
    safetensors.torch.save_file(weights, Path(folder) / "small_cnn.safetensors", metadata={"about": json.dumps(about)})
    (Path(folder) / "small_cnn.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(about)
