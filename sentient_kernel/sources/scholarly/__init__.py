"""Open services of scholarly works and of Wikipedia."""
