"""Activities as a sensor on the wrist feels them: three axes of acceleration and three of rotation.

Acceleration is gravity, 1 g in a direction that depends on how the sensor is worn, plus what the activity does: a
sum of harmonics of the cadence, with its own strength on each axis. Rotation follows the swing of the arm. Each
wearer has a cadence, a strength, a phase and a way to wear the sensor; cadences of neighbouring activities overlap.
"""

from math import pi

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number, Range
from labkit.shapes import Float, PerSample, Tensor

ACTIVITIES = ("standing", "walking", "climbing stairs", "running", "jumping")
CADENCE = ((0.2, 0.4), (1.6, 2.1), (1.3, 1.8), (2.4, 3.1), (1.8, 2.5))
"""Steps a second, from and to."""
STRENGTH = ((0.01, 0.01, 0.01), (0.12, 0.1, 0.25), (0.1, 0.14, 0.22), (0.4, 0.25, 0.9), (0.2, 0.15, 1.4))
"""Acceleration along forward, sideways and upward, in g."""
SWING = ((0.05, 0.05, 0.05), (0.5, 1.6, 0.4), (0.9, 0.9, 0.6), (0.9, 3.2, 1.0), (1.8, 1.2, 0.5))
"""Rotation about the same axes, in rad/s."""
SHARPNESS = (0.1, 0.45, 0.35, 0.6, 0.75)
"""How much of the second harmonic: soft steps have none."""

ABOUT = About(name="motions", licence="simulated: free of rights", source="simulated")
CHANNELS = ("acceleration x", "acceleration y", "acceleration z", "rotation x", "rotation y", "rotation z")


def motions(
    n: int,
    *,
    generator: torch.Generator | None = None,
    classes: tuple[str, ...] = ACTIVITIES,
    rate: Number = 50,
    seconds: Number = 2.56,
    strength: Range = (0.7, 1.3),
    tilt: Number = 25.0,
    noise: Number = 0.04,
) -> Dataset:
    """Recordings of a sensor on the wrist, (n, 6, rate·seconds); the label is the activity.

    Channels: acceleration along x, y, z in g, then rotation about x, y, z in rad/s, in the sensor's own axes.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        classes: some of ``ACTIVITIES``.
        rate: samples a second.
        seconds: how long each recording is.
        strength: range of a wearer's vigour, a factor on all movement.
        tilt: by about how many degrees the sensor is turned about each of its axes.
        noise: standard deviation of the noise, in g and in rad/s.

    Returns:
        A data set with the channels as ``columns``, whose ``extra`` holds ``cadence`` (n,), in steps a second.

    Raises:
        ValueError: if a class is unknown or a number impossible.
    """
    draw.at_least_one(n)
    draw.within("strength", strength, 0, 10)
    unknown = [name for name in classes if name not in ACTIVITIES]
    if unknown or not classes or rate * seconds < 2:
        raise ValueError(
            f"the classes are {classes} at {rate}·{seconds} samples; expected some of {ACTIVITIES}, 2 or more"
        )
    labels = draw.balanced(generator, n, len(classes))
    activity = torch.tensor([ACTIVITIES.index(name) for name in classes], device=labels.device)[labels]

    def of(table: tuple[object, ...]) -> Tensor:
        return torch.tensor(table, device=labels.device, dtype=torch.float32)[activity]

    low, high = of(CADENCE).unbind(1)
    cadence = low + (high - low) * draw.uniform(generator, (n,), (0, 1))
    t = torch.arange(round(rate * seconds), device=labels.device) / rate
    drift = 0.04 * torch.sin(2 * pi * 0.3 * t + draw.uniform(generator, (n, 1), (0, 2 * pi)))
    phase = 2 * pi * cadence[:, None] * (t + drift) + draw.uniform(generator, (n, 1), (0, 2 * pi))
    vigour = draw.uniform(generator, (n, 1), strength)
    step = gait(phase, of(STRENGTH) * vigour, of(SHARPNESS), generator)
    swing = gait(phase / 2, of(SWING) * vigour, of(SHARPNESS) / 2, generator)  # an arm swings once in two steps
    step = step + torch.tensor([0.0, 0.0, 1.0], device=labels.device)[:, None]
    worn = rotation(draw.normal(generator, (n, 3)) * tilt * pi / 180)
    x = torch.cat([worn @ step, worn @ swing], 1)
    x = x + noise * draw.normal(generator, tuple(x.shape))
    return Dataset(x, labels, tuple(classes), ABOUT, {"cadence": cadence}, columns=CHANNELS)


def gait(
    phase: Float[Tensor, "b t"],
    strength: Float[Tensor, "b 3"],
    sharpness: PerSample,
    generator: torch.Generator | None,
) -> Float[Tensor, "b 3 t"]:
    """A movement along three axes, (n, 3, T): first, second and third harmonic of the phase (n, T)."""
    n = len(phase)
    offset = torch.tensor([0.0, pi / 2, pi / 4], device=phase.device) + 0.3 * draw.normal(generator, (n, 3))
    wave = phase[:, None] + offset[..., None]
    sharp = sharpness[:, None, None]
    shape = torch.sin(wave) + sharp * torch.sin(2 * wave + 0.5) + 0.5 * sharp**2 * torch.sin(3 * wave)
    return strength[..., None] * (1 + 0.15 * draw.normal(generator, (n, 3, 1))) * shape


def rotation(angles: Float[Tensor, "b 3"]) -> Float[Tensor, "b 3 3"]:
    """Rotation matrices (n, 3, 3) that turn by ``angles`` (n, 3), in radians, about the axis they point along."""
    x, y, z = angles.unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)
    return torch.linalg.matrix_exp(cross)
