"""Corrections made by people afterwards: rows of the wrong station, wrong times, branches of a stream."""
