"""The ground of maps: coasts, lakes, rivers, borders and names, cut into small files when the site is set up."""
