"""Status pages of organizations: what they show to everybody of their stations, and the notices that they write."""
