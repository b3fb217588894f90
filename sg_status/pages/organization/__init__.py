"""The pages of an organization: settings, members, keys, audit log."""
