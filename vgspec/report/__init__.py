"""Results as text, JSON, SARIF and more: pure functions."""
