"""Generative adversarial networks that make synthetic cells of a chosen class."""
