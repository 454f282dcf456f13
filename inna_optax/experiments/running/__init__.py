"""How experiments run: settings, grids, records, folders, progress, ends."""
