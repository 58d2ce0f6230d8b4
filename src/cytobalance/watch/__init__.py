"""A running study, watched from outside: read only, so that nothing is disturbed."""
