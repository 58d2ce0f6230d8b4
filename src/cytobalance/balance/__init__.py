"""Who trains on what: the deal into parts, the targets, the oversamplers."""
