"""Pages on what needs attention: incidents, quarantine, sync, completeness."""
