"""`make bench`: what each saving is worth, as ratios measured side by side in one run."""
