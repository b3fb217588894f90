"""The pages that say what needs somebody: incidents, quarantine, sync, completeness."""
