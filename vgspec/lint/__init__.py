"""The linter: rules over analysis facts, and the engine that runs them."""
