"""Makes the voice of the tests: a model of a Piper voice's form that has learnt nothing. Every phoneme becomes a tenth
of a second of a tone. Needs `pip install onnx`; run it in this folder.
"""

import json
import math

import onnx
from onnx import TensorProto, helper, numpy_helper
import numpy

RATE = 16000
SAMPLES = RATE // 10

tone = numpy.array([0.3 * math.sin(2 * math.pi * 440 * at / RATE) for at in range(SAMPLES)], dtype=numpy.float32)
nodes = [
    # One row for each phoneme: 1 wherever it is one, which all of them are.
    helper.make_node("Cast", ["input"], ["numbers"], to=TensorProto.FLOAT),
    helper.make_node("Clip", ["numbers", "one", "one"], ["ones"]),
    helper.make_node("Reshape", ["ones", "column"], ["rows"]),
    helper.make_node("Mul", ["rows", "tone"], ["tones"]),
    # What the real ones use as well, and what must not make a difference here.
    helper.make_node("ReduceMax", ["scales"], ["most"], keepdims=0),
    helper.make_node("Mul", ["most", "nothing"], ["none"]),
    helper.make_node("Cast", ["input_lengths"], ["lengths"], to=TensorProto.FLOAT),
    helper.make_node("ReduceMax", ["lengths"], ["longest"], keepdims=0),
    helper.make_node("Mul", ["longest", "nothing"], ["nought"]),
    helper.make_node("Add", ["none", "nought"], ["silence"]),
    helper.make_node("Add", ["tones", "silence"], ["sound"]),
    helper.make_node("Reshape", ["sound", "line"], ["output"]),
]
constants = {
    "one": numpy.array(1, dtype=numpy.float32),
    "nothing": numpy.array(0, dtype=numpy.float32),
    "column": numpy.array([-1, 1], dtype=numpy.int64),
    "line": numpy.array([1, 1, 1, -1], dtype=numpy.int64),
    "tone": tone.reshape(1, -1),
}
graph = helper.make_graph(
    nodes,
    "tone",
    [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ],
    [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"])],
    [numpy_helper.from_array(value, name) for name, value in constants.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, "tone.onnx")

marks = {mark: [number] for number, mark in enumerate("_^$ abdefhijklmnopstuvwzæðŋɑɔəɚɛɜɡɪɹʃʊʌʒθ.,!?")}
description = {
    "audio": {"sample_rate": RATE},
    "espeak": {"voice": "en-us"},
    "inference": {"noise_scale": 0.6, "length_scale": 1.0, "noise_w": 0.8},
    "phoneme_id_map": marks,
    "num_speakers": 1,
}
with open("tone.onnx.json", "w", encoding="utf-8") as file:
    json.dump(description, file, ensure_ascii=False)
    file.write("\n")
