"""Tools for the development of vgspec itself; not needed to use it."""
