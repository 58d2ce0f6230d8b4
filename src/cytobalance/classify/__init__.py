"""The cell classifiers, their training and their use on new images."""
