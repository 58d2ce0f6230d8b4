"""Readers of published image sets: one small module a layout, all of one form."""
