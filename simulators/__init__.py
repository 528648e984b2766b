"""Made-up fleets with known misdeeds."""
