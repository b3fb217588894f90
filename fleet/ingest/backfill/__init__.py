"""Back-fills: the lines of stored files read into the database in the background, as if their card had been sent."""
