"""Sensorgnome files: their names, their lines, what they are packed in, and the messages made of them."""
