"""The kinds of classifiers: a file of a kind holds its class `Kind`."""
