"""Simulators: seeded, fast, documented. Each makes ``n`` samples and says what the label is.

=================================  ==============================================  =========================
call                               samples                                         label
=================================  ==============================================  =========================
``shapes``, ``original_shapes``    line drawings (n, 1, 32, 32)                    the shape
``glyphs``                         handwritten characters (n, 1, 28, 28)           the character
``lesions``                        liver on CT (n, 1, 64, 64), with masks          the kind of lesion
``brain``                          head on MRI (n, 1, 96, 96), with masks          tumour or not
``eyes``                           one eye (n, 1, 35, 55), with pupils             the gaze (n, 2)
``loans``                          applications (n, 17), with a hidden group       repaid or not
``ratings``                        film ratings with dates                         none
``tones``, ``vowels``              sounds (n, 4000)                                the note, the vowel
``motions``                        a sensor on the wrist (n, 6, 128)               the activity
``bearings``                       machines that wear out (n, 4, 160)              the remaining life
``moving``                         clips of a shape (n, 12, 1, 32, 32)             the motion
``sentences``                      sentences about films                           the opinion
``languages``                      sentences of two languages                      the translation
``moons``, ``blobs``               points (n, 2)                                   the moon, the blob
=================================  ==============================================  =========================

``simulate.shapes(100, generator=torch.Generator().manual_seed(0))`` gives the same 100 drawings every time on the
same kind of device. Without a generator the randomness is torch's global one.
"""

from labkit.data.simulate.bearings import bearings
from labkit.data.simulate.brain import brain
from labkit.data.simulate.eyes import eyes
from labkit.data.simulate.glyphs import glyphs
from labkit.data.simulate.languages import Languages, languages
from labkit.data.simulate.lesions import lesions
from labkit.data.simulate.loans import loans
from labkit.data.simulate.motions import motions
from labkit.data.simulate.moving import moving
from labkit.data.simulate.plane import blobs, moons
from labkit.data.simulate.ratings import Ratings, ratings
from labkit.data.simulate.sentences import sentences
from labkit.data.simulate.shapes import original_shapes, shapes
from labkit.data.simulate.sounds import tones, vowels

__all__ = [
    "Languages",
    "Ratings",
    "bearings",
    "blobs",
    "brain",
    "eyes",
    "glyphs",
    "languages",
    "lesions",
    "loans",
    "moons",
    "motions",
    "moving",
    "original_shapes",
    "ratings",
    "sentences",
    "shapes",
    "tones",
    "vowels",
]
