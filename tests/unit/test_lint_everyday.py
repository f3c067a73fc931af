"""Networks as people write them, from tutorials and papers: none of them gets a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from vgspec.diagnostics import Severity
from vgspec.frontend.load import load
from vgspec.lint.engine import lint
from vgspec.lint.rule import model_text as model

ROOT = Path(__file__).parents[2]

NETWORKS = {
    "vae_decoder": model(
        """
        - Dense: {units: 3136, activation: relu}
        - Reshape: {target_shape: [7, 7, 64]}
        - Conv2DTranspose: {filters: 64, kernel_size: 3, strides: 2, padding: same, activation: relu}
        - Conv2DTranspose: {filters: 32, kernel_size: 3, strides: 2, padding: same, activation: relu}
        - Conv2DTranspose: {filters: 1, kernel_size: 3, padding: same, activation: sigmoid}
        """,
        inputs="code: {shape: [2]}",
    ),
    "turn_of_pix2pix": model(
        """
        - {id: down, repeat: 3, body: [{Conv2D: {filters: 64, kernel_size: 4, strides: 2, padding: same}}, LeakyReLU]}
        - id: up
          repeat: 3
          body: [{Conv2DTranspose: {filters: 64, kernel_size: 4, strides: 2, padding: same}}, BatchNormalization, ReLU]
        - Conv2D: {filters: 3, kernel_size: 4, padding: same, activation: tanh}
        """,
        inputs="image: {shape: [8, 8, 3]}",
    ),
    "start_of_a_small_xception": model(
        """
        - Conv2D: {filters: 128, kernel_size: 3, strides: 2, padding: same, use_bias: false}
        - BatchNormalization
        - ReLU
        - ReLU
        - SeparableConv2D: {filters: 256, kernel_size: 3, padding: same, use_bias: false}
        - BatchNormalization
        - GlobalAveragePooling2D
        - Dense: {units: 1}
        """,
        inputs="image: {shape: [180, 180, 3]}",
        compile="optimizer: {Adam: {learning_rate: 3e-4}}\nloss: {BinaryCrossentropy: {from_logits: true}}",
    ),
    "mnist_mlp": model(
        """
        - Dense: {units: 512, activation: relu}
        - Dropout: {rate: 0.2}
        - Dense: {units: 512, activation: relu}
        - Dropout: {rate: 0.2}
        - Dense: {units: 10, activation: softmax}
        """,
        inputs="""
        x: {shape: [784]}
        """,
        compile="""
        optimizer: rmsprop
        loss: categorical_crossentropy
        metrics: [accuracy]
        """,
    ),
    "mnist_cnn": model(
        """
        - Conv2D: {filters: 32, kernel_size: 3, activation: relu}
        - MaxPooling2D
        - Conv2D: {filters: 64, kernel_size: 3, activation: relu}
        - MaxPooling2D
        - Flatten
        - Dropout: {rate: 0.5}
        - Dense: {units: 10, activation: softmax}
        """,
        inputs="""
        x: {shape: [28, 28, 1]}
        """,
        compile="""
        optimizer: adam
        loss: categorical_crossentropy
        metrics: [accuracy]
        """,
    ),
    "imdb_lstm": model(
        """
        - Embedding: {input_dim: 20000, output_dim: 128}
        - LSTM: {units: 128}
        - Dense: {units: 1, activation: sigmoid}
        """,
        inputs="""
        x: {shape: [200], dtype: int32}
        """,
        compile="""
        optimizer: adam
        loss: binary_crossentropy
        metrics: [accuracy]
        """,
    ),
    "imdb_bilstm": model(
        """
        - Embedding: {input_dim: 20000, output_dim: 128}
        - Bidirectional: {layer: {LSTM: {units: 64, return_sequences: true}}}
        - Bidirectional: {layer: {LSTM: {units: 64}}}
        - Dense: {units: 1, activation: sigmoid}
        """,
        inputs="""
        x: {shape: [T], dtype: int32}
        """,
        compile="""
        optimizer: adam
        loss: binary_crossentropy
        metrics: [accuracy]
        """,
    ),
    "textcnn": model(
        """
        - Embedding: {input_dim: 20000, output_dim: 128}
        - Dropout: {rate: 0.5}
        - Conv1D: {filters: 128, kernel_size: 7, padding: valid, activation: relu, strides: 3}
        - Conv1D: {filters: 128, kernel_size: 7, padding: valid, activation: relu, strides: 3}
        - GlobalMaxPooling1D
        - Dense: {units: 128, activation: relu}
        - Dropout: {rate: 0.5}
        - Dense: {units: 1, activation: sigmoid}
        """,
        inputs="""
        x: {shape: [500], dtype: int32}
        """,
        compile="""
        optimizer: adam
        loss: binary_crossentropy
        metrics: [accuracy]
        """,
    ),
    "iris": model(
        """
        - Dense: {units: 8, activation: relu}
        - Dense: {units: 3, activation: softmax}
        """,
        inputs="""
        x: {shape: [4]}
        """,
        compile="""
        optimizer: adam
        loss: categorical_crossentropy
        metrics: [accuracy]
        """,
    ),
    "pima": model(
        """
        - Dense: {units: 12, activation: relu}
        - Dense: {units: 8, activation: relu}
        - Dense: {units: 1, activation: sigmoid}
        """,
        inputs="""
        x: {shape: [8]}
        """,
        compile="""
        optimizer: adam
        loss: binary_crossentropy
        metrics: [accuracy]
        """,
    ),
    "boston": model(
        """
        - Dense: {units: 64, activation: relu}
        - Dense: {units: 64, activation: relu}
        - Dense: {units: 1}
        """,
        inputs="""
        x: {shape: [13]}
        """,
        compile="""
        optimizer: rmsprop
        loss: mse
        metrics: [mae]
        """,
    ),
    "autoencoder": model(
        """
        - Dense: {units: 32, activation: relu}
        - Dense: {units: 784, activation: sigmoid}
        """,
        inputs="""
        x: {shape: [784]}
        """,
        compile="""
        optimizer: adam
        loss: binary_crossentropy
        """,
    ),
    "deep_autoencoder_mse": model(
        """
        - Dense: {units: 128, activation: relu}
        - Dense: {units: 64, activation: relu}
        - Dense: {units: 32, activation: relu}
        - Dense: {units: 64, activation: relu}
        - Dense: {units: 128, activation: relu}
        - Dense: {units: 784, activation: sigmoid}
        """,
        inputs="""
        x: {shape: [784]}
        """,
        compile="""
        optimizer: adam
        loss: mse
        """,
    ),
    "xor": model(
        """
        - Dense: {units: 4, activation: tanh}
        - Dense: {units: 1, activation: sigmoid}
        """,
        inputs="""
        x: {shape: [2]}
        """,
        compile="""
        optimizer: {SGD: {learning_rate: 0.1}}
        loss: binary_crossentropy
        """,
    ),
    "char_rnn": model(
        """
        - LSTM: {units: 128}
        - Dense: {units: 60, activation: softmax}
        """,
        inputs="""
        x: {shape: [40, 60]}
        """,
        compile="""
        optimizer: {RMSprop: {learning_rate: 0.01}}
        loss: categorical_crossentropy
        """,
    ),
    "timeseries": model(
        """
        - LSTM: {units: 50, return_sequences: true}
        - LSTM: {units: 50}
        - Dense: {units: 1}
        """,
        inputs="""
        x: {shape: [30, 1]}
        """,
        compile="""
        optimizer: adam
        loss: mse
        """,
    ),
    "stacked_lstm_relu": model(
        """
        - LSTM: {units: 50, activation: relu}
        - Dense: {units: 1}
        """,
        inputs="""
        x: {shape: [3, 1]}
        """,
        compile="""
        optimizer: adam
        loss: mse
        """,
    ),
    "cifar_cnn": model(
        """
        - Conv2D: {filters: 32, kernel_size: 3, padding: same, activation: relu}
        - Conv2D: {filters: 32, kernel_size: 3, activation: relu}
        - MaxPooling2D
        - Dropout: {rate: 0.25}
        - Conv2D: {filters: 64, kernel_size: 3, padding: same, activation: relu}
        - Conv2D: {filters: 64, kernel_size: 3, activation: relu}
        - MaxPooling2D
        - Dropout: {rate: 0.25}
        - Flatten
        - Dense: {units: 512, activation: relu}
        - Dropout: {rate: 0.5}
        - Dense: {units: 10, activation: softmax}
        """,
        inputs="""
        x: {shape: [32, 32, 3]}
        """,
        compile="""
        optimizer: {RMSprop: {learning_rate: 0.0001}}
        loss: categorical_crossentropy
        """,
    ),
    "alexnet": model(
        """
        - Conv2D: {filters: 96, kernel_size: 11, strides: 4, activation: relu, kernel_initializer: {RandomNormal: {stddev: 0.01}}}
        - MaxPooling2D: {pool_size: 3, strides: 2}
        - Conv2D: {filters: 256, kernel_size: 5, padding: same, activation: relu, kernel_initializer: {RandomNormal: {stddev: 0.01}}}
        - MaxPooling2D: {pool_size: 3, strides: 2}
        - Conv2D: {filters: 384, kernel_size: 3, padding: same, activation: relu, kernel_initializer: {RandomNormal: {stddev: 0.01}}}
        - Conv2D: {filters: 384, kernel_size: 3, padding: same, activation: relu, kernel_initializer: {RandomNormal: {stddev: 0.01}}}
        - Conv2D: {filters: 256, kernel_size: 3, padding: same, activation: relu, kernel_initializer: {RandomNormal: {stddev: 0.01}}}
        - MaxPooling2D: {pool_size: 3, strides: 2}
        - Flatten
        - Dense: {units: 4096, activation: relu, kernel_initializer: {RandomNormal: {stddev: 0.01}}}
        - Dropout: {rate: 0.5}
        - Dense: {units: 4096, activation: relu, kernel_initializer: {RandomNormal: {stddev: 0.01}}}
        - Dropout: {rate: 0.5}
        - Dense: {units: 1000, activation: softmax}
        """,
        inputs="""
        x: {shape: [227, 227, 3]}
        """,
        compile="""
        optimizer: {SGD: {learning_rate: 0.01, momentum: 0.9}}
        loss: categorical_crossentropy
        """,
    ),
    "lenet_tanh": model(
        """
        - Conv2D: {filters: 6, kernel_size: 5, activation: tanh}
        - AveragePooling2D: {pool_size: 2}
        - Conv2D: {filters: 16, kernel_size: 5, activation: tanh}
        - AveragePooling2D: {pool_size: 2}
        - Flatten
        - Dense: {units: 120, activation: tanh}
        - Dense: {units: 84, activation: tanh}
        - Dense: {units: 10, activation: softmax}
        """,
        inputs="""
        x: {shape: [32, 32, 1]}
        """,
        compile="""
        optimizer: {SGD: {learning_rate: 0.1}}
        loss: categorical_crossentropy
        """,
    ),
    "dcgan_g": model(
        """
        - Dense: {units: 12544, use_bias: false}
        - BatchNormalization
        - LeakyReLU
        - Reshape: {target_shape: [7, 7, 256]}
        - Conv2DTranspose: {filters: 128, kernel_size: 5, padding: same, use_bias: false}
        - BatchNormalization
        - LeakyReLU
        - Conv2DTranspose: {filters: 64, kernel_size: 5, strides: 2, padding: same, use_bias: false}
        - BatchNormalization
        - LeakyReLU
        - Conv2DTranspose: {filters: 1, kernel_size: 5, strides: 2, padding: same, use_bias: false, activation: tanh}
        """,
        inputs="""
        z: {shape: [100]}
        """,
    ),
    "dcgan_d": model(
        """
        - Conv2D: {filters: 64, kernel_size: 4, strides: 2, padding: same}
        - LeakyReLU: {negative_slope: 0.2}
        - Conv2D: {filters: 128, kernel_size: 4, strides: 2, padding: same}
        - LeakyReLU: {negative_slope: 0.2}
        - Conv2D: {filters: 128, kernel_size: 4, strides: 2, padding: same}
        - LeakyReLU: {negative_slope: 0.2}
        - Flatten
        - Dropout: {rate: 0.2}
        - Dense: {units: 1, activation: sigmoid}
        """,
        inputs="""
        x: {shape: [64, 64, 3]}
        """,
        compile="""
        optimizer: {Adam: {learning_rate: 0.0002, beta_1: 0.5}}
        loss: binary_crossentropy
        """,
    ),
    "mnist_sigmoid": model(
        """
        - Dense: {units: 30, activation: sigmoid}
        - Dense: {units: 10, activation: softmax}
        """,
        inputs="""
        x: {shape: [784]}
        """,
        compile="""
        optimizer: {SGD: {learning_rate: 0.5}}
        loss: categorical_crossentropy
        """,
    ),
    "dqn": model(
        """
        - Rescaling: {scale: 0.00392}
        - Conv2D: {filters: 32, kernel_size: 8, strides: 4, activation: relu}
        - Conv2D: {filters: 64, kernel_size: 4, strides: 2, activation: relu}
        - Conv2D: {filters: 64, kernel_size: 3, activation: relu}
        - Flatten
        - Dense: {units: 512, activation: relu}
        - Dense: {units: 4}
        """,
        inputs="""
        x: {shape: [84, 84, 4]}
        """,
        compile="""
        optimizer: {Adam: {learning_rate: 0.00025, clipnorm: 1.0}}
        loss: huber
        """,
    ),
    "ncf": model(
        """
        - {id: a, in: u, Embedding: {input_dim: 1000, output_dim: 50}}
        - {id: b, in: i, Embedding: {input_dim: 1000, output_dim: 50}}
        - {in: [a, b], Concatenate: {}}
        - Dense: {units: 64, activation: relu}
        - Dense: {units: 1, activation: sigmoid}
        """,
        inputs="""
        u: {shape: [], dtype: int32}
        i: {shape: [], dtype: int32}
        """,
        compile="""
        optimizer: adam
        loss: mse
        """,
    ),
    "senti_attn": model(
        """
        - {id: e, Embedding: {input_dim: 5000, output_dim: 64, mask_zero: true}}
        - {id: h, LSTM: {units: 64, return_sequences: true}}
        - {id: s, Dense: {units: 1, activation: tanh}}
        - {id: w, Softmax: {axis: 1}}
        - {in: [h, w], Multiply: {}}
        - GlobalAveragePooling1D
        - Dense: {units: 1, activation: sigmoid}
        """,
        inputs="""
        x: {shape: [100], dtype: int32}
        """,
        compile="""
        optimizer: adam
        loss: binary_crossentropy
        """,
    ),
    "wide_deep": model(
        """
        - {id: d1, in: x, Dense: {units: 64, activation: relu}}
        - {id: d2, Dense: {units: 32, activation: relu}}
        - {in: [x, d2], Concatenate: {}}
        - Dense: {units: 1}
        """,
        inputs="""
        x: {shape: [20]}
        """,
        compile="""
        optimizer: adam
        loss: mse
        """,
    ),
    "logreg": model(
        """
        - Dense: {units: 10, activation: softmax}
        """,
        inputs="""
        x: {shape: [784]}
        """,
        compile="""
        optimizer: sgd
        loss: categorical_crossentropy
        """,
    ),
    "linreg_norm": model(
        """
        - Dense: {units: 1}
        """,
        inputs="""
        x: {shape: [1]}
        """,
        compile="""
        optimizer: {Adam: {learning_rate: 0.1}}
        loss: mae
        """,
    ),
    "tcn": model(
        """
        - {repeat: {var: i, count: 4}, body: [{residual: {shortcut: auto, body: [{Conv1D: {filters: 32, kernel_size: 3, padding: causal, dilation_rate: $(2 ** i), activation: relu}}, {SpatialDropout1D: {rate: 0.1}}, {Conv1D: {filters: 32, kernel_size: 3, padding: causal, dilation_rate: $(2 ** i), activation: relu}}]}}]}
        - GlobalAveragePooling1D
        - Dense: {units: 5, activation: softmax}
        """,
        inputs="""
        x: {shape: [128, 16]}
        """,
        compile="""
        optimizer: adam
        loss: categorical_crossentropy
        """,
    ),
    "seq2seq_repeat": model(
        """
        - LSTM: {units: 128}
        - RepeatVector: {n: 4}
        - LSTM: {units: 128, return_sequences: true}
        - TimeDistributed: {layer: {Dense: {units: 12, activation: softmax}}}
        """,
        inputs="""
        x: {shape: [9, 12]}
        """,
        compile="""
        optimizer: adam
        loss: categorical_crossentropy
        """,
    ),
    "snn": model(
        """
        - {repeat: 8, body: [{Dense: {units: 256, activation: selu, kernel_initializer: lecun_normal}}, {AlphaDropout: {rate: 0.05}}]}
        - Dense: {units: 10, activation: softmax}
        """,
        inputs="""
        x: {shape: [100]}
        """,
        compile="""
        optimizer: adam
        loss: categorical_crossentropy
        """,
    ),
}


def warnings(text: str | Path) -> list[str]:
    spec = load(text)
    assert spec.diagnostics == ()
    found = lint(spec, fixes=None).diagnostics
    return [f"{d.name}: {d.message}" for d in found if d.severity is not Severity.INFO]


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_no_warning(name: str) -> None:
    assert warnings(NETWORKS[name]) == []


def test_no_warning_for_vgg19() -> None:
    text = (ROOT / "specs" / "vgg16.yaml").read_text(encoding="utf-8")
    assert warnings(text.replace("convolutions: 3}", "convolutions: 4}")) == []


def test_no_warning_for_mobilenet_v1() -> None:
    unit = "{{use: separable, with: {{filters: {}, stride: {}}}}}"
    sizes = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    text = model(
        "\n".join(
            [
                "- Conv2D: {filters: 32, kernel_size: 3, strides: 2, padding: same, use_bias: false}",
                "- BatchNormalization",
                "- ReLU: {max_value: 6.0}",
                *(f"- {unit.format(*size)}" for size in sizes),
                "- GlobalAveragePooling2D: {keepdims: true}",
                "- Dropout: {rate: 0.001}",
                "- Conv2D: {filters: 1000, kernel_size: 1, padding: same}",
                "- Reshape: {target_shape: [1000]}",
                "- Activation: {activation: softmax}",
            ]
        ),
        inputs="image: {shape: [224, 224, 3]}",
        before="""
        blocks:
          separable:
            params: {filters: {type: int}, stride: {type: int}}
            layers:
              - DepthwiseConv2D: {kernel_size: 3, strides: $stride, padding: same, use_bias: false}
              - BatchNormalization
              - ReLU: {max_value: 6.0}
              - Conv2D: {filters: $filters, kernel_size: 1, padding: same, use_bias: false}
              - BatchNormalization
              - ReLU: {max_value: 6.0}
        """,
    )
    assert warnings(text) == []
