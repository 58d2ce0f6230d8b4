"""Simulated smears: a plan of cells, patients and faults; cells; archives."""
