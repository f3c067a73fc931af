"""How long vgspec takes and how much memory, measured side by side in one run.

::

    python -m vgspec.dev.bench                            # everything; print the page
    python -m vgspec.dev.bench --write                    # write docs/reference/performance.md
    python -m vgspec.dev.bench --only processes shapes    # these parts only

Whatever is compared is measured in turn, round by round, so that what else the machine does falls on all alike. Times
depend on the machine; ratios, exponents and memory depend on it less. Parts that need Keras run in processes of their
own, so that TensorFlow's memory is not counted as ours.
"""
