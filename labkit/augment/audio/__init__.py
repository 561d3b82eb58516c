"""Sounds changed: functions that apply given parameters, and small classes that draw them.

Sounds are ``float (B, T)`` in [-1, 1], or ``(B, C, T)`` with C channels of one recording; the rate is in samples a
second. A parameter is one number, or a tensor (B,) with one for each item::

    from labkit.augment import audio

    audio.pitch_shift(x, semitones=3.0)                              # all three semitones higher
    audio.speed(x, rate=torch.linspace(0.9, 1.1, len(x)))            # each at its own speed
    audio.Speed((0.9, 1.1))(x, generator=g)                          # each at a speed drawn from 0.9 to 1.1
    result = audio.Speed((0.9, 1.1))(x, generator=g, times=onsets)   # what happens in a sound moves along
    result.x, result.times

What moves what:

=============  ======  ==========  ========
transform      pitch   formants    duration
=============  ======  ==========  ========
speed          × r     × r         / r
time stretch                       / r
pitch shift    × p     × p
vocal tract            × α
=============  ======  ==========  ========

Every transform keeps the number of samples: what gets shorter is followed by silence, what gets longer is cut off.
"""

from labkit.augment.audio._args import rms
from labkit.augment.audio.masks import bands, spec_mask, time_warp, warp_source
from labkit.augment.audio.measure import autocorrelation, formants, linear_prediction, pitch
from labkit.augment.audio.noise import (
    add_noise,
    babble,
    clip,
    colored_noise,
    gain,
    reverberate,
    room_response,
    snr,
)
from labkit.augment.audio.spec_augment import SpecAugment
from labkit.augment.audio.spectra import (
    decibels,
    hz_to_mel,
    istft,
    log_mel,
    mel_bank,
    mel_edges,
    mel_to_hz,
    spectrogram,
    stft,
    triangles,
)
from labkit.augment.audio.timing import low_pass, shift, speed
from labkit.augment.audio.transforms import (
    AddNoise,
    AudioTransform,
    Babble,
    Clip,
    Gain,
    LogMel,
    PitchShift,
    Reverb,
    Shift,
    Speed,
    TimeStretch,
    VocalTract,
)
from labkit.augment.audio.vocal import envelope, vocal_tract, vtlp_bank, vtlp_map
from labkit.augment.audio.vocoder import phase_vocoder, pitch_shift, princarg, time_stretch
from labkit.augment.audio.wav import read_wav, wav_bytes

__all__ = [
    "AddNoise",
    "AudioTransform",
    "Babble",
    "Clip",
    "Gain",
    "LogMel",
    "PitchShift",
    "Reverb",
    "Shift",
    "SpecAugment",
    "Speed",
    "TimeStretch",
    "VocalTract",
    "add_noise",
    "autocorrelation",
    "babble",
    "bands",
    "clip",
    "colored_noise",
    "decibels",
    "envelope",
    "formants",
    "gain",
    "hz_to_mel",
    "istft",
    "linear_prediction",
    "log_mel",
    "low_pass",
    "mel_bank",
    "mel_edges",
    "mel_to_hz",
    "phase_vocoder",
    "pitch",
    "pitch_shift",
    "princarg",
    "read_wav",
    "reverberate",
    "rms",
    "room_response",
    "shift",
    "snr",
    "spec_mask",
    "spectrogram",
    "speed",
    "stft",
    "time_stretch",
    "time_warp",
    "triangles",
    "vocal_tract",
    "vtlp_bank",
    "vtlp_map",
    "warp_source",
    "wav_bytes",
]
