"""Uploading files to the site: a client of tus 1.0, and `station-agent upload`."""
