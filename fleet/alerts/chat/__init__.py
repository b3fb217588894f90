"""Messages to chat and push services, sent with Apprise in a process of its own."""
