"""How good a classifier is: its predictions, scores and their intervals."""
