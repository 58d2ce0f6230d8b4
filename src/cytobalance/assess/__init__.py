"""How good the cells of a generator are: likeness, variety, copies, use."""
