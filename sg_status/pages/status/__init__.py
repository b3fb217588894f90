"""The public status page of an organization, and the pages on which its people edit it."""
