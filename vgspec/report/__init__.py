"""Reports: results as text for people and as data for tools. Pure functions of results; see `vgspec.report.formats`."""
