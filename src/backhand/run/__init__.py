"""Running written programs and keeping every value they make."""
