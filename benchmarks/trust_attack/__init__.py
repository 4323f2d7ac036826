"""Random models with known log Z, most of them made so that a wrong verdict is likely."""
