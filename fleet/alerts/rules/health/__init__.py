"""What the rules about a station's health have in common; a folder of its own, as a file here would be a rule."""
