"""The fitted learner as an ONNX graph, and the proof that it is the same."""
