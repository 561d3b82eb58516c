"""Simulators: seeded, fast, documented. Each makes ``n`` samples and says what the label is.

``simulate.shapes(100, generator=torch.Generator().manual_seed(0))`` gives the same 100 drawings every time on the
same kind of device. Without a generator the randomness is torch's global one.
"""

from labkit.data.simulate.shapes import original_shapes, shapes

__all__ = ["original_shapes", "shapes"]
