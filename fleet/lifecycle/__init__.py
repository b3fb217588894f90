"""Operations across all domain packages: moving a station, erasing one, replacing its hardware."""
