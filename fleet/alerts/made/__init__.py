"""Alert rules that people make: their subjects and conditions, the job that judges them, and previews."""
