"""What the papers did with the optimizers, and the command line that does it again."""
