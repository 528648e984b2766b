"""What people do about it: alerts and where they go."""
