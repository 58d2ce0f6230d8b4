"""What leaves the project: classifiers as ONNX, cell sets in common forms."""
