"""What every room may use: errors, checks of what is given, files that are written whole, compiled rules, work on all cores."""
