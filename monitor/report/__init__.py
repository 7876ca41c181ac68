"""The report that is signed: content once (`content`), from facts (`facts`), and one renderer a format."""
