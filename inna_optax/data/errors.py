"""What is wrong with data."""


class DataError(Exception):
    """Data that are missing or not what they must be, said in one line."""
