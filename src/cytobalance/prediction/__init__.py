"""A trained classifier put to use: sure probabilities, doubts, counts of new cells."""
