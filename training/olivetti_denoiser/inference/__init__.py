"""From pictures to restored pictures: ONNX sessions, tiles, noise estimation, letterbox borders."""
