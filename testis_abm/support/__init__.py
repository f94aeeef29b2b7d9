"""What every room may use: files that are written whole, checksums, locks."""
