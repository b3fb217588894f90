"""How a station comes to an organization: by a list, a code, a claim, or by asking."""
