"""From existing Keras models and configs to graphs, and from graphs to spec text."""
