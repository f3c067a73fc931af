"""Audio preprocessing: spectrograms."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from annotated_types import MinLen
from pydantic import model_validator

from vgspec.catalogue.initializers import STFT
from vgspec.ir import Dim, Tensor
from vgspec.ir.dims import add, floor_div, mul, numel, sub
from vgspec.layers.base import Call, Layer, ShapeError, Trait, Weight
from vgspec.layers.dtypes import is_floating
from vgspec.layers.fields import DataFormat, NonNegativeFloat, Padding, PositiveFloat, PositiveInt

__all__ = ["LAYERS", "MelSpectrogram", "STFTSpectrogram"]

Window = str | Annotated[tuple[float, ...], MinLen(1)] | None
"""The name of a window function (``hann``, ``hamming`` …), its values, or None for none."""


class MelSpectrogram(Layer):
    """Short-time Fourier transform of a waveform, on the mel scale."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.PREPROCESSING})
    supports_masking: ClassVar[bool] = False

    fft_length: PositiveInt = 2048
    sequence_stride: PositiveInt = 512
    sequence_length: PositiveInt | None = None
    window: Window = "hann"
    sampling_rate: PositiveInt = 16000
    num_mel_bins: PositiveInt = 128
    min_freq: NonNegativeFloat = 20.0
    max_freq: PositiveFloat | None = None
    power_to_db: bool = True
    top_db: float = 80.0
    mag_exp: float = 2.0
    min_power: PositiveFloat = 1e-10
    ref_power: float = 1.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.sequence_length is not None and self.sequence_length > self.fft_length:
            raise ValueError(f"sequence_length {self.sequence_length} is larger than fft_length {self.fft_length}")
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``(batch, num_mel_bins, frames)``; without a batch axis if the input has none."""
        x = call.x
        if x.rank not in (1, 2):
            raise ShapeError(f"needs waveforms of shape (batch, time) or (time,), got {x}")
        if not is_floating(x.dtype):
            raise ShapeError(f"needs floating-point samples, got {x}")
        time = x.shape[-1]
        frames = add(floor_div(time, self.sequence_stride), 1)
        if isinstance(time, int) and (time + 1) % self.sequence_stride == 0:
            frames = None  # Keras infers one frame more than it computes
        return (Tensor((*x.shape[:-1], self.num_mel_bins, frames), self.compute_dtype),)


class STFTSpectrogram(Layer):
    """Short-time Fourier transform as a convolution with fixed or trained kernels."""

    min_keras: ClassVar[str] = "3.7.0"
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.PREPROCESSING, Trait.KERNEL, Trait.CONVOLUTION})
    supports_masking: ClassVar[bool] = False

    mode: Literal["log", "magnitude", "psd", "real", "imag", "angle", "stft"] = "log"
    frame_length: PositiveInt = 256
    frame_step: PositiveInt | None = None
    fft_length: PositiveInt | None = None
    window: Window = "hann"
    periodic: bool = False
    scaling: Literal["density", "spectrum"] | None = "density"
    padding: Padding = "valid"
    expand_dims: bool = False
    data_format: DataFormat = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.frame_step is not None and self.frame_step > self.frame_length:
            raise ValueError(f"frame_step {self.frame_step} is larger than frame_length {self.frame_length}")
        if self.fft_length is not None and self.fft_length < self.frame_length:
            raise ValueError(f"fft_length {self.fft_length} is smaller than frame_length {self.frame_length}")
        if self.frame_step is None and self.frame_length < 2:
            raise ValueError("frame_length must be at least 2 where frame_step is not given")
        return self

    @property
    def step(self) -> int:
        """Samples from one frame to the next."""
        return self.frame_step or self.frame_length // 2

    @property
    def frequencies(self) -> int:
        """The number of frequency bands: half the transform's length, rounded up to a power of two, and one."""
        return (self.fft_length or 1 << (self.frame_length - 1).bit_length()) // 2 + 1

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``(batch, frames, channels * bands)``, the axes apart with ``expand_dims``, channels where they were."""
        x = call.x
        if x.rank != 3:
            raise ShapeError(f"needs waveforms of shape (batch, time, channels), got {x}")
        if x.dtype not in ("float16", "float32", "float64"):
            raise ShapeError(f"needs samples in float16, float32 or float64, got {x}")
        last = self.data_format != "channels_first"
        time, channels = (x.shape[1], x.shape[2]) if last else (x.shape[2], x.shape[1])
        if self.padding == "same":
            frames = add(floor_div(sub(time, 1), self.step), 1)
        else:
            if isinstance(time, int) and time < self.frame_length:
                raise ShapeError(f"needs at least {self.frame_length} samples, got {x}", argument="frame_length")
            frames = add(floor_div(sub(time, self.frame_length), self.step), 1)
        bands = self.frequencies * (2 if self.mode == "stft" else 1)
        shape: tuple[Dim, ...]
        if self.expand_dims:
            shape = (frames, bands, channels) if last else (channels, frames, bands)
        else:
            shape = (frames, mul(channels, bands)) if last else (mul(channels, bands), frames)
        return (Tensor((x.shape[0], *shape), self.compute_dtype),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``real_kernel`` and ``imag_kernel`` (frame_length, 1, bands), unless the mode needs one only."""
        shape = (self.frame_length, 1, self.frequencies)

        def initializer(side: Literal["real", "imag"]) -> Any:
            return STFT(side=side, window=self.window, scaling=self.scaling, periodic=self.periodic)

        real = Weight("real_kernel", shape, initializer("real"))
        imag = Weight("imag_kernel", shape, initializer("imag"))
        return {"real": (real,), "imag": (imag,)}.get(self.mode, (real, imag))

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two per multiply-add of each kernel; the pointwise work after them is not counted."""
        bands = numel(outputs[0].shape[1:])
        kernels = 1 if self.mode in ("real", "imag", "stft") else 2  # "stft" has both among its outputs
        return mul(mul(bands, 2 * self.frame_length), kernels)


LAYERS: tuple[type[Layer], ...] = (MelSpectrogram, STFTSpectrogram)
