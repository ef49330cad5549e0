"""The Keras networks: the U-Nets, saving them, exporting them to ONNX."""
