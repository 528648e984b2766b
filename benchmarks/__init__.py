"""How fast it is: measured from a checkout, never shipped."""
