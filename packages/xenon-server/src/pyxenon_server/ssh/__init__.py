"""SSH: which hosts are trusted, who logs in, and one connection for each of them."""
