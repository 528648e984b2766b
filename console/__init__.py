"""The room where people watch and work: nothing here yet but the name."""
