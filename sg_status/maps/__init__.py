"""Maps drawn by the server: pins and clusters on the ground that `web.basemap` cut, complete without scripts."""
