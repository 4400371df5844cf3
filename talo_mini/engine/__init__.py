"""A sweep: every layer knocked out once, for what the shared work costs."""
