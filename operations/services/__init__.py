"""The three servers that Roost starts for itself: RabbitMQ, PostgreSQL and Redis."""
