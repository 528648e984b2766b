"""Where: fences, coordinate systems, schedules, distances and the index of areas."""
