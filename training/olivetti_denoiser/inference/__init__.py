"""From pictures to restored pictures: ONNX sessions, tiles, noise levels, plain borders."""
