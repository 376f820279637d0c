"""Update centre, resolution, lock, verified download."""
