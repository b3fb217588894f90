"""Condition of a station as its data show it: batteries, backlog, displacement, newest detections."""
