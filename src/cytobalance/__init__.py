"""Balance cell-image data sets and tell honestly whether balancing helped."""
