"""Events for programs on `fleet.events`: their names, their bodies, and the page that lists them."""
