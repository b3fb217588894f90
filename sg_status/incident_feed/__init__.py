"""An organization's incidents as documents for other programs: a feed and a calendar."""
