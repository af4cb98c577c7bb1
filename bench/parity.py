"""
The deel-lip side of `npm run bench -- parity --python PYTHON`; not meant to be started by hand.

    PYTHON parity.py FOLDER

FOLDER holds images.npy [n, 28, 28, 1], labels.npy [n] and task.json (batch, steps, seed, rate). Writes weights.json (initial weights, by layer
and name); the last line of the output is one JSON object: versions and the loss of every step.
Needs: pip install tensorflow and deel-lip (for TensorFlow >= 2.16 its keras3 branch).
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from deel.lip.activations import GroupSort
from deel.lip.layers import FrobeniusDense, ScaledL2NormPooling2D, SpectralConv2D, SpectralDense
from deel.lip.losses import MulticlassHKR
from deel.lip.model import Sequential

folder = sys.argv[1]
with open(os.path.join(folder, "task.json")) as file:
    task = json.load(file)
images = np.load(os.path.join(folder, "images.npy"))
labels = np.eye(10, dtype="float32")[np.load(os.path.join(folder, "labels.npy"))]
keras.utils.set_random_seed(task["seed"])


@tf.custom_gradient
def root(x):
    """Version 1.5.1's: epsilon in the gradient only. The keras3 branch has it under the root, which moves every blank pixel by 1e-3."""
    value = tf.sqrt(x)
    return value, lambda dy: dy / (2 * (value + 1e-6))


class Pool(ScaledL2NormPooling2D):
    def call(self, x):
        mean = tf.nn.avg_pool2d(tf.square(x), self.pool_size, self.pool_size, "VALID")
        return root(mean) * self._get_coef()


orthogonal = dict(kernel_initializer="orthogonal")
model = Sequential(
    [
        keras.layers.Input((28, 28, 1)),
        SpectralConv2D(16, (3, 3), activation=GroupSort(2), **orthogonal),
        Pool((2, 2)),
        SpectralConv2D(32, (3, 3), activation=GroupSort(2), **orthogonal),
        Pool((2, 2)),
        keras.layers.Flatten(),
        SpectralDense(64, activation=GroupSort(2), **orthogonal),
        FrobeniusDense(10, use_bias=False, **orthogonal),
    ],
    k_coef_lip=1.0,
)
model.compile(loss=MulticlassHKR(alpha=100, min_margin=0.5), optimizer=keras.optimizers.Adam(task["rate"]))

weights = [
    {"layer": layer.name, "name": weight.name.split("/")[-1].split(":")[0], "values": np.array(weight).ravel().tolist()}
    for layer in model.layers
    for weight in layer.weights
]
with open(os.path.join(folder, "weights.json"), "w") as file:
    json.dump(weights, file)

losses = []
for step in range(task["steps"]):
    start = step * task["batch"] % len(images)
    batch = slice(start, start + task["batch"])
    result = model.train_on_batch(images[batch], labels[batch])
    model.reset_metrics()
    losses.append(float(np.ravel(result)[0]))
versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
print(json.dumps({"versions": versions, "losses": losses}))
