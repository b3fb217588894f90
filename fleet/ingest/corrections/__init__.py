"""What people put right afterwards: rows of the wrong station, wrong times, branches of a stream."""
