from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.differential.layer_harness import (
    check_arguments_rejected,
    check_config,
    check_layer,
    check_rejected,
    check_signature,
    t,
)
from vgspec.ir import Tensor
from vgspec.ir.dims import Sym
from vgspec.layers.audio import MelSpectrogram, STFTSpectrogram
from vgspec.layers.base import Call

pytestmark = pytest.mark.tensorflow

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
T = Sym.named("time")


def test_signatures() -> None:
    check_signature(MelSpectrogram)
    check_signature(STFTSpectrogram)
    check_config(MelSpectrogram())
    check_config(STFTSpectrogram(window=None))


@pytest.mark.parametrize("x", [t(200), Tensor((200,)), t(T)], ids=str)
def test_mel_spectrogram(x: Tensor) -> None:
    layer = MelSpectrogram(fft_length=64, sequence_stride=16, num_mel_bins=8, sampling_rate=100, window="hamming")
    check_layer(layer, x, sizes={"time": 200})
    check_layer(layer.replace(sequence_length=32, power_to_db=False, dtype="float16"), x, sizes={"time": 200})


def test_frame_that_keras_infers_and_does_not_compute() -> None:
    layer = MelSpectrogram(fft_length=64, sequence_stride=16)
    assert layer.infer_outputs(Call({"inputs": t(15)}))[0].shape[-1] is None


def stft(**arguments: Any) -> STFTSpectrogram:
    return STFTSpectrogram(window=None, scaling=None, frame_length=16, **arguments)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("expand_dims", [False, True])
def test_stft_spectrogram(mode: Any, expand_dims: bool) -> None:
    check_layer(stft(mode=mode, expand_dims=expand_dims), t(100, 2))
    check_layer(stft(mode=mode, padding="same", frame_step=5, fft_length=32, expand_dims=expand_dims), t(100, 3))
    layer = stft(mode=mode, padding="same", expand_dims=expand_dims, data_format="channels_first")
    check_layer(layer, t(3, 100), data=False)  # TensorFlow has no such convolution on a CPU
    check_layer(stft(mode=mode, trainable=False), t(T, 2), data=False)


@given(st.integers(1, 60), st.integers(1, 16), st.sampled_from(["valid", "same"]))
@settings(max_examples=40, deadline=None)
def test_frames(time: int, step: int, padding: Any) -> None:
    layer, x = stft(frame_step=step, padding=padding), t(time, 2)
    if padding == "valid" and time < 16:
        check_rejected(layer, x, argument="frame_length")
    else:
        check_layer(layer, x, data=False)


def test_window() -> None:
    pytest.importorskip("scipy")
    check_layer(STFTSpectrogram(frame_length=16), t(100, 2))


def test_rejections() -> None:
    check_rejected(stft(), t(100), match=r"\(batch, time, channels\)")
    check_rejected(stft(), t(100, 2, dtype="int32"), match="float")
    check_rejected(MelSpectrogram(), t(3000, 2), match=r"\(batch, time\)")
    check_arguments_rejected(STFTSpectrogram, window=None, frame_length=16, frame_step=17)
    check_arguments_rejected(STFTSpectrogram, window=None, frame_length=16, fft_length=8)
    check_arguments_rejected(STFTSpectrogram, window=None, mode="power")
    check_arguments_rejected(MelSpectrogram, fft_length=16, sequence_length=32)
