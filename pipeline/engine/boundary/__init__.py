"""The boundary rules: safe regions, the distance screen, and bindings followed fix by fix."""
