"""
The foolbox side of `npm run bench -- attacks --python PYTHON`; not meant to be started by hand.

    PYTHON attacks.py FOLDER THREADS

FOLDER holds what attacks.ts wrote: task.json (the network node by node, the attack, what to time) and .npy files (weights, images,
labels). The last line of the output is one JSON object: versions, logits of the images, distances, seconds.
Needs: pip install torch foolbox (or a distribution's python3-torch with foolbox's sources on PYTHONPATH).
"""

import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

import foolbox

folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(0)
with open(os.path.join(folder, "task.json")) as file:
    task = json.load(file)


def array(name):
    return torch.from_numpy(np.load(os.path.join(folder, name)))


def conv(x, weight, bias=None, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=1, kernel_shape=None):
    if pads[:2] != pads[2:]:
        x, pads = F.pad(x, (pads[1], pads[3], pads[0], pads[2])), [0, 0, 0, 0]
    return F.conv2d(x, weight, bias, tuple(strides), tuple(pads[:2]), tuple(dilations), group)


def average_pool(x, *, kernel_shape, strides=(1, 1), pads=(0, 0, 0, 0)):
    assert not any(pads), "padded pooling has no translation here"
    return F.avg_pool2d(x, tuple(kernel_shape), tuple(strides))


def gemm(x, weight, bias=None, *, transB=0, transA=0, alpha=1.0, beta=1.0):
    assert transA == 0 and alpha == 1 and beta == 1, "only plain dense layers have a translation here"
    return F.linear(x, weight if transB else weight.t(), bias)


OPS = {
    "Conv": conv,
    "AveragePool": average_pool,
    "Gemm": gemm,
    "Split": lambda x, sizes, *, axis=0, num_outputs=None: torch.split(x, sizes.tolist(), axis),
    "Min": torch.minimum,
    "Max": torch.maximum,
    "Concat": lambda *xs, axis: torch.cat(xs, axis),
    "Mul": torch.mul,
    "Add": torch.add,
    "Sqrt": torch.sqrt,
    "Relu": torch.relu,
    "Flatten": lambda x, *, axis=1: torch.flatten(x, axis),
}


class Network(torch.nn.Module):
    """The ONNX graph, one PyTorch function a node. Weights ask for no gradient, which is the best case for PyTorch."""

    def __init__(self):
        super().__init__()
        self.values = {name: array(file) for name, file in task["initializers"].items()}

    def forward(self, x):
        values = dict(self.values)
        values[task["input"]] = x
        for node in task["nodes"]:
            inputs = [values[name] for name in node["inputs"]]
            result = OPS[node["op"]](*inputs, **node["attributes"])
            results = result if isinstance(result, tuple) else (result,)
            values.update(zip(node["outputs"], results))
        return values[task["output"]]


def timed(work):
    """Result, seconds on the wall, seconds of CPU."""
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - start, time.process_time() - cpu


network = Network().eval()
model = foolbox.PyTorchModel(network, bounds=tuple(task["bounds"]), device="cpu")


def carlini_wagner(images, labels, **parameters):
    attack = foolbox.attacks.L2CarliniWagnerAttack(**parameters)
    return attack(model, images, foolbox.criteria.Misclassification(labels), epsilons=None)


def seconds_per_step(batch, few, many, repeats):
    """The difference of two runs, so that what is done once does not count; the best of the repeats."""
    images, labels = array("many.npy")[:batch], array("many_labels.npy")[:batch].long()
    parameters = dict(binary_search_steps=1, initial_const=1e-3, abort_early=False)

    def once(steps):
        return timed(lambda: carlini_wagner(images, labels, steps=steps, **parameters))[1]

    once(few)
    short = min(once(few) for _ in range(repeats))
    long = min(once(many) for _ in range(repeats))
    return (long - short) / (many - few)


images, labels = array("images.npy"), array("labels.npy").long()
with torch.no_grad():
    logits = network(images)

answer = {
    "versions": {"foolbox": foolbox.__version__, "torch": torch.__version__, "python": sys.version.split()[0]},
    "logits": logits.reshape(-1).tolist(),
    "steps": [seconds_per_step(**step) for step in task["steps"]],
}
if task["attack"] is not None:
    (raw, _, success), wall, cpu = timed(lambda: carlini_wagner(images, labels, **task["attack"]))
    # What was not found is an image of zeros in foolbox: it counts as not found here.
    distances = (raw.double() - images.double()).flatten(1).norm(dim=1)
    answer["attack"] = {
        "distances": [d if found else None for d, found in zip(distances.tolist(), success.tolist())],
        "wall": wall,
        "cpu": cpu,
    }
print(json.dumps(answer))
