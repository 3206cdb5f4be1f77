"""Who is paged in which order, how long each has, and which priority pages at all."""
