"""The task families: one module each, all with the names that base.Family describes."""
