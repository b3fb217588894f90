"""Rules that people make: subjects, conditions, the look that judges them, and previews."""
