"""How good and how honest synthetic cells are."""
