"""What there is: problems, protocols, contenders, figures and tables."""
