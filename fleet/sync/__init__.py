"""Outside systems kept in step with Roost: one adapter each."""
