"""A data directory as a whole: what its stores hold, whether they fit, and how they are put right."""
