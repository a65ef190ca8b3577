"""Tests of the zygote and the workers; `python3 -m unittest discover -s python/tests -t python`."""
