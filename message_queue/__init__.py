"""The wire: what stations and server say to each other, and the names under which they say it."""
