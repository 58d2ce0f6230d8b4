"""What a study found: comparisons, claims, charts and the page."""
