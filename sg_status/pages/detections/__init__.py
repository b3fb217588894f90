"""Pages about what was heard: all stations' tags, and one tag across stations; a station's own page uses the parts."""
