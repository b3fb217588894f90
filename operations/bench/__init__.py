"""Benchmarks of Roost on this machine, as ratios within one run; never a test."""
