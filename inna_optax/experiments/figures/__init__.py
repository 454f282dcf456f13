"""The papers' pictures, drawn from records."""
