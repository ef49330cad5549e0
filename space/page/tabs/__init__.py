"""The page's four tabs, one file each."""
