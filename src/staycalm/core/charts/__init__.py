"""Charts as numbers and words: axes that do not mislead, lines with their gaps, one drawing for every place.

`series` is what is drawn, `axes` finds the scales, `geometry` turns both into coordinates, `svg` writes them as
a file that stands alone. Pages draw the same coordinates with their own colours.
"""
