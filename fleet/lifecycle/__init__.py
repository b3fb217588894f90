"""What spans all floors of the domain: moving a station, erasing one, replacing its hardware."""
